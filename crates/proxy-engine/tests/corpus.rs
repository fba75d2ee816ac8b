//! Replays the corpora of the proxy's parsers, with seeded changes: whatever comes, they end, and agree with themselves.

#[path = "../../../fuzz/checks/wire.rs"]
mod wire;

use testkit::corpus::replay;

const ROUNDS: u64 = 200;

const WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n ",
    "\0",
    " ",
    "\t",
    ":",
    "\r\n\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 3\r\n",
    "Host: x\r\n",
    "Connection: Upgrade\r\n",
    "0\r\n\r\n",
    "ffffffff",
    "HTTP/1.1",
    "HTTP/1.0",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\u{16}\u{3}\u{1}",
    "/../",
    "%2f",
    "%2e%2e",
    "//",
    "\\",
    "#",
    "?",
    ";",
    "\u{fffd}",
];

#[test]
fn heads_are_read_as_they_will_be_read_again() {
    replay("http1_head", WORDS, ROUNDS, wire::http1_head);
}

#[test]
fn bodies_are_the_same_however_they_are_cut() {
    replay("http1_body", WORDS, ROUNDS, wire::http1_body);
}

#[test]
fn first_bytes_stay_what_they_are() {
    replay("first_bytes", WORDS, ROUNDS, wire::first_bytes);
}

#[test]
fn paths_have_one_normal_form() {
    replay("paths", WORDS, ROUNDS, wire::paths);
}

#[test]
fn any_resource_is_accepted_or_refused() {
    replay("resources", WORDS, ROUNDS, wire::resources);
}
