//! The harness: libFuzzer's `main`, driving the target that
//! `PACELAKE_FUZZ_TARGET` names. `make fuzz` builds and runs it.
#![no_main]

use std::sync::LazyLock;

use pacelake_fuzz::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("PACELAKE_FUZZ_TARGET").unwrap_or_default();
    Target::named(&name).unwrap_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        panic!("PACELAKE_FUZZ_TARGET is one of {}", names.join(", "))
    })
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
