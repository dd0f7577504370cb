//! The program on a terminal: what it writes, and the screen that comes of it.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::screen::Screen;

/// A command with all three streams on a terminal.
pub(crate) struct Terminal {
    pub(crate) process: Child,
    ours: File,
    pub(crate) screen: Screen,
    /// All that was written.
    pub(crate) written: Vec<u8>,
    /// How much of it is on the screen.
    shown: usize,
}

impl Terminal {
    pub(crate) fn start(command: &mut Command, columns: u16, rows: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).unwrap();
        unlockpt(&ours).unwrap();
        let theirs = File::from(ioctl_tiocgptpeer(&ours, flags).unwrap());
        tcsetwinsize(&theirs, size(columns, rows)).unwrap();
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        let process = command
            .stdin(theirs.try_clone().unwrap())
            .stdout(theirs.try_clone().unwrap())
            .stderr(theirs)
            .spawn()
            .unwrap();
        // The command holds the terminal's other end until it is dropped.
        command.stdin(Stdio::null());
        command.stdout(Stdio::null());
        command.stderr(Stdio::null());
        Self {
            process,
            ours: File::from(ours),
            screen: Screen::new(columns.into(), rows.into()),
            written: Vec::new(),
            shown: 0,
        }
    }

    /// Reads until the screen is as it should be.
    pub(crate) fn until(&mut self, is_so: impl Fn(&Screen) -> bool) {
        /// A screen that is drawn anew so often without being so never will be.
        const MOST: usize = 60;
        for _ in 0..MOST {
            if is_so(&self.screen) {
                return;
            }
            assert!(self.read(), "it ended with:\n{}", self.screen.all());
        }
        panic!("it stays at:\n{}", self.screen.all());
    }

    /// Reads until the drawing has been made anew so many times.
    pub(crate) fn drawn(&mut self, times: usize) {
        let draws = |written: &[u8]| written.windows(3).filter(|at| at == b"\x1b[J").count();
        let wanted = draws(&self.written) + times;
        while draws(&self.written) < wanted {
            assert!(self.read(), "it ended with:\n{}", self.screen.all());
        }
    }

    /// Types, as a person does.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.ours.write_all(text.as_bytes()).unwrap();
    }

    /// Reads to the end, and gives the exit code.
    pub(crate) fn end(&mut self) -> i32 {
        while self.read() {}
        self.process.wait().unwrap().code().unwrap_or(-1)
    }

    /// Changes the window while the program stands still, so that nothing is on its way for the old one.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, Signal::STOP).unwrap();
        waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
        let flags = fcntl_getfl(&self.ours).unwrap();
        fcntl_setfl(&self.ours, flags | OFlags::NONBLOCK).unwrap();
        while self.read() {}
        fcntl_setfl(&self.ours, flags).unwrap();
        tcsetwinsize(&self.ours, size(columns, rows)).unwrap();
        self.screen.resize(columns.into(), rows.into());
        kill_process(pid, Signal::CONT).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// Whether there was more. The end of a terminal is an error: whoever had the other side is gone.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let length = loop {
            match self.ours.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read.unwrap_or(0),
            }
        };
        self.written.extend(&buffer[..length]);
        let rest = &self.written[self.shown..];
        let whole = whole(rest);
        self.screen
            .write(std::str::from_utf8(&rest[..whole]).unwrap());
        self.shown += whole;
        length > 0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// How many bytes end with a whole character, and outside of an escape.
fn whole(bytes: &[u8]) -> usize {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    let escape = bytes[..valid].iter().rposition(|byte| *byte == 0x1b);
    match escape {
        Some(at) if !bytes[at..valid].iter().any(u8::is_ascii_alphabetic) => at,
        _ => valid,
    }
}
