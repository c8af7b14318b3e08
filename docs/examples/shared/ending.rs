//! How a program of ours ends: its results on standard output, or a sentence on standard error, and a status.

use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Whatever went wrong, on its way from any thread to `main`.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// What a program came to.
#[allow(dead_code, reason = "not every example can end in each way")]
pub(crate) enum Ending {
    /// What is to be shown.
    Good(String),
    /// What is to be shown, of a run that was not as it should be.
    Flawed(String),
    Failed(Failure),
    /// The arguments are wrong: a sentence for the user.
    Misused(String),
}

/// Listens on loopback, for a runtime, and says on `output`, at once, where.
#[allow(dead_code, reason = "not every example listens")]
pub(crate) fn listen(port: u16, output: &mut dyn Write) -> Result<TcpListener, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).map_err(|error| format!("{address} cannot be had: {error}"))?;
    listener.set_nonblocking(true)?;
    let said = writeln!(output, "listening on {}", listener.local_addr()?).and_then(|()| output.flush());
    said.map_err(|error| format!("the address cannot be written to standard output: {error}"))?;
    Ok(listener)
}

impl From<Result<String, Failure>> for Ending {
    fn from(done: Result<String, Failure>) -> Self {
        done.map_or_else(Self::Failed, Self::Good)
    }
}

impl Ending {
    /// Tells the user, and returns the status.
    pub(crate) fn tell(self, program: &str) -> ExitCode {
        ExitCode::from(self.tell_on(&mut io::stdout().lock(), program))
    }

    /// As `tell`, with the results on `output`.
    pub(crate) fn tell_on(self, output: &mut dyn Write, program: &str) -> u8 {
        // Not by `println!` and `eprintln!`: they panic where nothing can be written.
        let complain = |complaint: &str| drop(writeln!(io::stderr(), "{program}: {complaint}"));
        let (results, status) = match self {
            Ending::Good(results) => (results, 0),
            Ending::Flawed(results) => (results, 1),
            Ending::Failed(error) => {
                complain(&error.to_string());
                return 1;
            }
            Ending::Misused(error) => {
                complain(&format!("{error}\nTry --help."));
                return 2;
            }
        };
        match output.write_all(results.as_bytes()).and_then(|()| output.flush()) {
            Ok(()) => status,
            Err(error) => {
                complain(&format!("the results cannot be written to standard output: {error}"));
                1
            }
        }
    }
}

/// Starts a thread, or says that it cannot be: `Scope::spawn` panics then, and the scope waits for all the others.
#[allow(dead_code, reason = "one example has no threads")]
pub(crate) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    body: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, Failure> {
    let spawned = Builder::new().name(name.to_owned()).spawn_scoped(scope, body);
    spawned.map_err(|error| format!("no thread could be started for {name}: {error}").into())
}
