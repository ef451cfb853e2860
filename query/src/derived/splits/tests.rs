//! Hard cases of `splits`.
