//! Data forms (XEP-0004) as far as pubsub uses them: reading a submitted form, building a form.

use minidom::Element;

use crate::error::Error;
use crate::xml::{self, With, ns};

/// A submitted form: its fields in order, without `FORM_TYPE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// Pairs of a field's `var` and its values.
    pub fields: Vec<(String, Vec<String>)>,
}

impl Form {
    /// Reads the form in `parent`, of the type `form_type`. Returns an empty form if there is none, or if it is
    /// cancelled.
    ///
    /// # Errors
    /// [`Error::InvalidField`] if the form has another type, or if a field has no name or occurs twice;
    /// [`Error::Malformed`] if there are two forms.
    pub fn read(parent: &Element, form_type: &str) -> Result<Self, Error> {
        let Some(x) = xml::only_child(parent, "x", ns::DATA)? else { return Ok(Self::default()) };
        if x.attr("type") == Some("cancel") {
            return Ok(Self::default());
        }
        let mut form = Self::default();
        for field in x.children().filter(|child| child.is("field", ns::DATA)) {
            let var = field.attr("var").unwrap_or_default();
            let values: Vec<_> =
                field.children().filter(|v| v.is("value", ns::DATA)).map(Element::text).collect();
            if var == "FORM_TYPE" {
                if values.first().is_some_and(|value| value != form_type) {
                    return Err(Error::InvalidField("FORM_TYPE".into()));
                }
            } else if var.is_empty() || form.fields.iter().any(|(known, _)| known == var) {
                return Err(Error::InvalidField(var.into()));
            } else {
                form.fields.push((var.into(), values));
            }
        }
        Ok(form)
    }
}

/// The kind of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Text,
    /// A number, or a word for one.
    Number,
    /// A boolean.
    Boolean,
    /// One of these values.
    List(&'static [&'static str]),
}

/// Builds a form without fields; `kind` is `form` or `result`.
pub(crate) fn build(kind: &str, form_type: &str) -> Element {
    Element::builder("x", ns::DATA)
        .with("type", kind)
        .append(
            Element::builder("field", ns::DATA)
                .with("var", "FORM_TYPE")
                .with("type", "hidden")
                .append(xml::text("value", ns::DATA, form_type))
                .build(),
        )
        .build()
}

/// Builds a field with its value, its label and, for a list, its options.
pub(crate) fn field(var: &str, kind: Kind, label: &str, value: &str) -> Element {
    let mut field = Element::builder("field", ns::DATA)
        .with("var", var)
        .with(
            "type",
            match kind {
                Kind::Text | Kind::Number => "text-single",
                Kind::Boolean => "boolean",
                Kind::List(_) => "list-single",
            },
        )
        .with("label", label)
        .append(xml::text("value", ns::DATA, value));
    if let Kind::List(options) = kind {
        for option in options {
            field = field.append(
                Element::builder("option", ns::DATA).append(xml::text("value", ns::DATA, option)).build(),
            );
        }
    }
    field.build()
}

/// Builds a field with any number of values from a list.
pub(crate) fn multi(var: &str, options: &[&str], label: &str, values: &[&str]) -> Element {
    let value = |value: &&str| xml::text("value", ns::DATA, value);
    let option = |name: &&str| Element::builder("option", ns::DATA).append(value(name)).build();
    Element::builder("field", ns::DATA)
        .with("var", var)
        .with("type", "list-multi")
        .with("label", label)
        .append_all(values.iter().map(value))
        .append_all(options.iter().map(option))
        .build()
}

/// Parses a boolean (XEP-0004, 3.3).
pub(crate) fn boolean(value: &str) -> Option<bool> {
    match value {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: &str) -> Result<Form, Error> {
        let xml =
            format!("<configure xmlns='x'><x xmlns='jabber:x:data' type='submit'>{fields}</x></configure>");
        Form::read(&xml.parse().unwrap(), ns::NODE_CONFIG)
    }

    #[test]
    fn a_form_is_its_fields_in_order() {
        let form = parse("<field var='b'><value>1</value><value>2</value></field><field var='a'/>").unwrap();
        assert_eq!(form.fields, [("b".into(), vec!["1".into(), "2".into()]), ("a".into(), vec![])]);
    }

    #[test]
    fn another_type_and_double_fields_are_refused() {
        let wrong = parse("<field var='FORM_TYPE'><value>other</value></field>");
        assert_eq!(wrong, Err(Error::InvalidField("FORM_TYPE".into())));
        assert_eq!(parse("<field var='a'/><field var='a'/>"), Err(Error::InvalidField("a".into())));
        assert_eq!(parse("<field/>"), Err(Error::InvalidField(String::new())));
    }
}
