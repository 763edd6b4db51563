//! Tells systemd how far the process is, where a unit of `Type=notify` has started it: sd_notify(3).

use std::{
    env,
    ffi::OsStr,
    io,
    os::unix::{ffi::OsStrExt as _, net::UnixDatagram},
};

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It takes work.
    Ready,
    /// It is on its way out.
    Stopping,
}

/// Tells it, if anybody listens. What cannot be told is a line in the log and no more.
pub fn tell(what: Told) {
    if let Some(socket) = env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(&socket, what)
    {
        tracing::warn!(%error, ?what, "systemd cannot be told");
    }
}

fn send(socket: &OsStr, what: Told) -> io::Result<()> {
    let message: &[u8] = match what {
        Told::Ready => b"READY=1\n",
        Told::Stopping => b"STOPPING=1\n",
    };
    let datagrams = UnixDatagram::unbound()?;
    // systemd reads at once; a process must not hang on whoever else has set the variable.
    datagrams.set_nonblocking(true)?;
    match socket.as_bytes().strip_prefix(b"@") {
        None => datagrams.send_to(message, socket).map(drop),
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr};
            datagrams.send_to_addr(message, &SocketAddr::from_abstract_name(name)?).map(drop)
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::{Told, send};

    #[test]
    fn a_socket_in_the_file_system_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let mut message = [0; 64];
        for (what, expected) in [(Told::Ready, &b"READY=1\n"[..]), (Told::Stopping, b"STOPPING=1\n")] {
            send(path.as_os_str(), what).unwrap();
            let length = systemd.recv(&mut message).unwrap();
            assert_eq!(&message[..length], expected);
        }
        assert!(send(folder.path().join("nobody").as_os_str(), Told::Ready).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_socket_is_told() {
        use std::os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr};
        let name = format!("shelfwise-notify-{}", std::process::id());
        let systemd = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(format!("@{name}").as_ref(), Told::Ready).unwrap();
        let mut message = [0; 64];
        assert_eq!(systemd.recv(&mut message).unwrap(), b"READY=1\n".len());
    }
}
