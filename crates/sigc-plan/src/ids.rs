//! Dense ids: positions in the plan's lists, typed so that they cannot be mixed up.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $letter:literal)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u32);

        impl $name {
            /// The id of position `index`.
            ///
            /// # Panics
            /// Past 2^32 entries, which the compiler's size limits rule out.
            pub fn new(index: usize) -> Self {
                $name(u32::try_from(index).expect("size limits keep lists below 2^32"))
            }

            /// The position.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }
    )*};
}

ids! {
    /// A frame of the plan.
    FrameId "f"
    /// A column of the plan.
    ColumnId "c"
    /// The result of one op. Operands have smaller ids.
    ValueId "%"
    /// A model of the plan.
    ModelId "m"
}
