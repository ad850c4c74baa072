//! The clock of one process, set wrong from outside: a few lines of C stand in front of the C library's clock, and read
//! how far it is off from a file, so that it can jump while the program runs. Needs a C compiler, as the build does.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static volatile const long long *seconds;

__attribute__((constructor)) static void look(void) {
    const char *path = getenv("CLOCK_FILE");
    int file = path ? open(path, O_RDONLY) : -1;
    void *there = file < 0 ? MAP_FAILED : mmap(0, sizeof(long long), PROT_READ, MAP_SHARED, file, 0);
    if (there != MAP_FAILED) seconds = there;
}

int clock_gettime(clockid_t id, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, time);
    if (result == 0 && seconds && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) time->tv_sec += *seconds;
    return result;
}
"#;

/// The clock of a node.
#[derive(Debug)]
pub(crate) struct Clock {
    library: PathBuf,
    place: PathBuf,
    file: File,
}

impl Clock {
    /// Built and kept in a folder; the clock is right at first.
    pub(crate) fn made(folder: &Path) -> Result<Self, String> {
        let (library, place) = (folder.join("clock.so"), folder.join("clock"));
        let mut compiler = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-x", "c", "-", "-o"])
            .arg(&library)
            .arg("-ldl")
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cc: {error}"))?;
        if let Some(mut input) = compiler.stdin.take() {
            let _ = input.write_all(SOURCE.as_bytes());
        }
        let ended = compiler.wait().map_err(|error| format!("cc: {error}"))?;
        if !ended.success() {
            return Err(format!("cc: {ended}"));
        }
        let mut open = OpenOptions::new();
        let file = open.create(true).truncate(true).write(true).open(&place);
        let clock = Self {
            library,
            place,
            file: file.map_err(|error| format!("{folder:?}: {error}"))?,
        };
        clock.is_off_by(0);
        Ok(clock)
    }

    /// From now on it is off by so many seconds.
    pub(crate) fn is_off_by(&self, seconds: i64) {
        let written = self.file.write_all_at(&seconds.to_ne_bytes(), 0);
        written.expect("a file");
    }

    /// Puts it in front of a program.
    pub(crate) fn in_front_of(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library);
        command.env("CLOCK_FILE", &self.place);
    }
}
