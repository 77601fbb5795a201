//! Values from the server's configuration, which may be anything that Lua has.

use std::fmt;

/// A value as in the configuration.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A number, which need not be a whole one, nor finite.
    Number(f64),
    /// A text.
    Text(String),
    /// The entries of a table, each with its key. A list has the keys 1, 2, 3 and so on.
    Table(Vec<(Value, Value)>),
    /// A value that no option can have, with the name of its type.
    Other(&'static str),
}

impl Value {
    /// Returns the whole number that this value is, or that this text contains, if it is in the range.
    pub(crate) fn whole(&self, least: u32, most: u32) -> Option<u32> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        // NaN is in no range.
        let fits = (f64::from(least)..=f64::from(most)).contains(&number) && number.fract() == 0.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range")]
        fits.then_some(number as u32)
    }

    /// Returns a boolean, read as Prosody reads its own options.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self {
            Self::Boolean(is) => Some(*is),
            Self::Text(text) if text == "true" => Some(true),
            Self::Text(text) if text == "false" => Some(false),
            Self::Number(_) => self.whole(0, 1).map(|is| is == 1),
            _ => None,
        }
    }

    /// Returns the text if this value is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// As the admin who wrote it would recognise it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(is) => write!(f, "{is}"),
            Self::Number(number) if number.is_nan() => write!(f, "not a number"),
            Self::Number(number) if number.abs() < 1e15 || number.is_infinite() => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number:e}"),
            Self::Text(text) if text.chars().count() > SHOWN => {
                write!(f, "{:?}...", text.chars().take(SHOWN).collect::<String>())
            }
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Table(entries) if entries.is_empty() => write!(f, "an empty table"),
            Self::Table(_) => write!(f, "a table"),
            Self::Other(what) => write!(f, "{what}"),
        }
    }
}

/// How many letters of a text are shown.
const SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_finite_and_in_range() {
        for value in [Value::Number(5.0), Value::Text("5".into()), Value::Text(" 5 ".into())] {
            assert_eq!(value.whole(5, 5), Some(5));
            assert_eq!(value.whole(6, 9), None);
            assert_eq!(value.whole(1, 4), None);
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5, -1.0, 4_294_967_296.0, 1e300] {
            assert_eq!(Value::Number(number).whole(0, u32::MAX), None, "{number}");
            assert_eq!(Value::Text(number.to_string()).whole(0, u32::MAX), None, "{number}");
        }
        for value in [Value::Boolean(true), Value::Text(String::new()), Value::Table(Vec::new())] {
            assert_eq!(value.whole(0, 9), None, "{value}");
        }
    }

    #[test]
    fn a_value_is_shown_in_few_letters() {
        for (value, shown) in [
            (Value::Number(1.0), "1"),
            (Value::Number(-1.5), "-1.5"),
            (Value::Number(1e300), "1e300"),
            (Value::Number(f64::NAN), "not a number"),
            (Value::Number(f64::INFINITY), "inf"),
            (Value::Text("a\n\"".into()), r#""a\n\"""#),
            (Value::Table(Vec::new()), "an empty table"),
            (Value::Other("a function"), "a function"),
        ] {
            assert_eq!(value.to_string(), shown);
        }
        assert_eq!(Value::Text("ä".repeat(500)).to_string(), format!("\"{}\"...", "ä".repeat(SHOWN)));
    }
}
