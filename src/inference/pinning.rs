//! Threads that keep to one core: fewer moves between caches where a machine has nothing else to do.
#![allow(unsafe_code)]

use std::io;

/// Has the calling thread run on one core only: the `index`th of those that it may use, counted round.
///
/// # Errors
/// The operating system does not let it, or is not Linux.
#[cfg(target_os = "linux")]
pub fn to_core(index: usize) -> io::Result<()> {
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: a set of cores is plain bits, zeros among them; the calls read or write one such set, whose
    // size they are told, and 0 is the calling thread.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size, &mut allowed) != 0 {
            return Err(io::Error::last_os_error());
        }
        let cores = (0..libc::CPU_SETSIZE as usize).filter(|core| libc::CPU_ISSET(*core, &allowed));
        let cores: Vec<usize> = cores.collect();
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cores[index % cores.len()], &mut one);
        match libc::sched_setaffinity(0, size, &one) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub fn to_core(_index: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod test {
    #[test]
    fn a_pinned_thread_stays_on_its_core() {
        let core = |index| {
            std::thread::spawn(move || {
                super::to_core(index).unwrap();
                std::thread::yield_now();
                // SAFETY: it takes nothing.
                unsafe { libc::sched_getcpu() }
            })
        };
        let cores = std::thread::available_parallelism().unwrap().get();
        let found: std::collections::BTreeSet<_> =
            (0..cores).map(|i| core(i).join().unwrap()).collect();
        assert_eq!(found.len(), cores);
    }
}
