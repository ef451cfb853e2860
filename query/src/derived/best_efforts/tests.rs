//! Hard cases of `best_efforts`.
