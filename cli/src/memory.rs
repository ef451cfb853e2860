//! How much memory this process holds.

/// Resident memory in bytes; `None` where the system does not tell.
pub fn in_use() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_taken_is_seen() {
        let before = super::in_use().unwrap();
        let taken = vec![1_u8; 256 << 20];
        let after = super::in_use().unwrap();
        assert!(after > before + (200 << 20), "{before}, then {after}");
        assert_eq!(taken[taken.len() - 1], 1);
    }
}
