//! What the kernel knows of this process, under the names that Prometheus' own clients use. Where
//! there is no `/proc`, nothing.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

/// Clock ticks a second in `/proc/self/stat`: the kernel's interface fixes them.
const TICKS: f64 = 100.0;

/// Begins when it is made.
pub struct ProcessMetrics {
    started: SystemTime,
}

impl ProcessMetrics {
    /// With the process as good as just started.
    pub fn new() -> Self {
        metrics::describe_gauge!(
            "process_resident_memory_bytes",
            metrics::Unit::Bytes,
            "Resident memory"
        );
        metrics::describe_gauge!(
            "process_virtual_memory_bytes",
            metrics::Unit::Bytes,
            "Address space"
        );
        metrics::describe_counter!(
            "process_cpu_seconds_total",
            metrics::Unit::Seconds,
            "Processor time, in whole seconds"
        );
        metrics::describe_gauge!("process_open_fds", "Open files and sockets");
        metrics::describe_gauge!("process_threads", "Threads");
        metrics::describe_gauge!(
            "process_start_time_seconds",
            metrics::Unit::Seconds,
            "When the process began, in seconds since 1970"
        );
        ProcessMetrics {
            started: SystemTime::now(),
        }
    }

    /// Reads all again.
    pub fn update(&self) {
        let since = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        metrics::gauge!("process_start_time_seconds").set(since.as_secs_f64());
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            for (key, metric, unit) in [
                ("VmRSS:", "process_resident_memory_bytes", 1024.0),
                ("VmSize:", "process_virtual_memory_bytes", 1024.0),
                ("Threads:", "process_threads", 1.0),
            ] {
                if let Some(value) = field(&status, key) {
                    metrics::gauge!(metric).set(value * unit);
                }
            }
        }
        let stat = fs::read_to_string("/proc/self/stat");
        if let Some(seconds) = stat.ok().as_deref().and_then(cpu_seconds) {
            metrics::counter!("process_cpu_seconds_total").absolute(seconds as u64);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            metrics::gauge!("process_open_fds").set(files.count() as f64);
        }
    }
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        ProcessMetrics::new()
    }
}

/// The number after the key, in the unit of the file.
fn field(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time: fields 14 and 15, counted after the name, which may have spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut ticks = after_name.split_whitespace().skip(11);
    let user: f64 = ticks.next()?.parse().ok()?;
    let system: f64 = ticks.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_where_the_kernel_puts_them() {
        let status = "Name:\tdepeche\nVmSize:\t  903120 kB\nVmRSS:\t  181248 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), Some(181_248.0));
        assert_eq!(field(status, "Threads:"), Some(7.0));
        assert_eq!(field(status, "VmSwap:"), None);
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 9 0 0 0 1234 66 0 0 20 0 7 0 55";
        assert_eq!(cpu_seconds(stat), Some(13.0));
        assert_eq!(cpu_seconds("42 (depeche"), None);
    }
}
