//! Enums whose variants are listed.

/// Makes an enum of variants without fields, and its list of all of them, which cannot forget one.
macro_rules! listed {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $($(#[$of:meta])* $variant:ident,)*
        }
    ) => {
        $(#[$about])*
        pub enum $name {
            $($(#[$of])* $variant,)*
        }

        impl $name {
            /// All of them, in their order.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];
        }
    };
}

pub(crate) use listed;
