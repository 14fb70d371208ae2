//! What the process uses: memory, threads, open files. Read from `/proc/self`; where there is none, nothing is known.

use std::fs;

/// `kB` of `/proc` are of 1024 bytes.
const KIB: u64 = 1_024;

/// What the process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory that is resident.
    pub rss_bytes: Option<u64>,
    /// The most memory that ever was.
    pub peak_rss_bytes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open files and sockets.
    pub open_fds: Option<u64>,
}

impl Usage {
    /// What it uses now.
    pub fn now() -> Usage {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        // The folder that is being read is open itself.
        let fds = fs::read_dir("/proc/self/fd").ok().map(|fds| (fds.count() as u64).saturating_sub(1));
        Usage { open_fds: fds, ..Usage::from_status(&status) }
    }

    /// Reads `/proc/self/status`.
    fn from_status(status: &str) -> Usage {
        let number = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let bytes = |key: &str| number(key)?.checked_mul(KIB);
        Usage { rss_bytes: bytes("VmRSS"), peak_rss_bytes: bytes("VmHWM"), threads: number("Threads"), open_fds: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_linux_is_read() {
        let status = "Name:\tsigc\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nThreads:\t7\n";
        let expected =
            Usage { rss_bytes: Some(10 << 20), peak_rss_bytes: Some(20 << 20), threads: Some(7), open_fds: None };
        assert_eq!(Usage::from_status(status), expected);
        assert_eq!(Usage::from_status("VmRSS: lots kB\n"), Usage::default());
        assert_eq!(Usage::from_status(""), Usage::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_something() {
        let usage = Usage::now();
        assert!(usage.rss_bytes > Some(1 << 16) && usage.threads >= Some(1) && usage.open_fds >= Some(1), "{usage:?}");
    }
}
