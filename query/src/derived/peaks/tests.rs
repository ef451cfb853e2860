//! Hard cases of `peaks`.
