//! Names and numbers, each kind with its own type.

/// Defines a cheaply cloned string newtype.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::rc::Rc<str>);

        impl $name {
            /// The string itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    };
}

pub(crate) use name;

name! {
    /// The name of a node, unique in its service.
    NodeName
}

name! {
    /// The id of an item, unique in its node.
    ItemId
}

/// A service of a room: the room's own, or an occupant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceId {
    /// The room's, at its bare JID.
    Room,
    /// An occupant's, at `room/nick`. The number survives nick changes, and is never reused.
    Occupant(OccupantId),
}

/// An occupant's number in its room. It survives nick changes, and is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OccupantId(pub(crate) u64);

/// A session's number in its room. Numbers are reused, so tables over them stay dense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u32);
