//! Sockets that `weft up` bound on the host, handed to the node inside.
//!
//! In: open files. Out: the same open files in another process. Holds: both ends agree on the order of [`Handed`].
//! Why by message: a safe program cannot take an open file by its number.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// What is handed over.
#[derive(Debug)]
pub(crate) struct Handed {
    /// The API server's port.
    pub(crate) api: TcpListener,
    /// Ingress, plain.
    pub(crate) http: TcpListener,
    /// Ingress, TLS.
    pub(crate) https: TcpListener,
    /// The lock of the state folder.
    pub(crate) lock: OwnedFd,
}

const COUNT: usize = 4;

/// Sends.
pub(crate) fn send(over: impl AsFd, files: [BorrowedFd<'_>; COUNT]) -> std::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(COUNT))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(over, &[IoSlice::new(b"w")], &mut control, SendFlags::empty())?;
    Ok(())
}

/// Receives.
pub(crate) fn receive(over: impl AsFd) -> std::io::Result<Handed> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(COUNT))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(over, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut files = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let mut files = files.next().into_iter().flatten();
    let mut next =
        || files.next().ok_or_else(|| std::io::Error::other("a socket was not handed over"));
    Ok(Handed {
        api: TcpListener::from(next()?),
        http: TcpListener::from(next()?),
        https: TcpListener::from(next()?),
        lock: next()?,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_keeps_its_address_when_it_is_handed_over() {
        let (here, there) = UnixStream::pair().unwrap();
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (a, b, c) = (bind(), bind(), bind());
        let lock = tempfile::tempfile().unwrap();
        send(&here, [a.as_fd(), b.as_fd(), c.as_fd(), lock.as_fd()]).unwrap();
        let handed = receive(&there).unwrap();
        assert_eq!(handed.api.local_addr().unwrap(), a.local_addr().unwrap());
        assert_eq!(handed.https.local_addr().unwrap(), c.local_addr().unwrap());
    }

    #[test]
    fn nothing_handed_over_is_an_error() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(here);
        assert!(receive(&there).is_err());
    }
}
