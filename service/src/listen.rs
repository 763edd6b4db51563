use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::Failure;

/// Listens on `address`. `[::]` takes IPv4 too, and becomes `0.0.0.0` on a machine without IPv6. Whoever then serves on it
/// says so with [`listening`].
///
/// # Errors
///
/// If the address is taken or is not this machine's; the line names the setting and the address.
pub fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = match listen(address) {
        Err(error) if address.ip().is_unspecified() && address.is_ipv6() && no_ipv6(&error) => {
            listen((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        listener => listener,
    };
    listener.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::io(format!("{setting}: {address} is taken already")),
        _ => Failure::io(format!("{setting}: cannot listen on {address}: {error}")),
    })
}

/// Logs where a port is served, once nothing can keep it from being served any more.
pub fn listening(setting: &str, address: io::Result<SocketAddr>) {
    if let Ok(address) = address {
        tracing::info!(setting, %address, "listening");
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A restarted process takes its port over from connections that are still closing.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

fn no_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT where the kernel lacks it, EADDRNOTAVAIL where it is switched off.
    matches!(error.raw_os_error(), Some(97)) || error.kind() == io::ErrorKind::AddrNotAvailable
}
