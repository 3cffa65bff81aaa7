// SPDX-License-Identifier: MIT OR Apache-2.0
//! Enums that users name on command lines, in properties and in files: one table gives parsing, display and serde.

/// Declares an enum whose variants have one name each, with `FromStr`, `Display`, serde and `ALL`.
macro_rules! named_choice {
    ($(#[$meta:meta])* pub enum $name:ident ($noun:literal) { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every choice, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name that users write.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::RestoreError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|choice| choice.name() == text).ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|choice| choice.name()).collect();
                    $crate::RestoreError::Config(format!(
                        "unknown {} {text:?}, must be one of {}", $noun, names.join(", ")
                    ))
                })
            }
        }
    };
}

pub(crate) use named_choice;
