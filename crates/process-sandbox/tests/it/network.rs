//! What a command sees of others, and whom it reaches.

use std::net::{TcpListener, UdpSocket};

use astrid_host_process::{Launcher, Network};

use crate::support::worlds;

// process case 72
#[tokio::test]
async fn processes_outside_a_sandbox_do_not_exist_in_it() {
    for world in worlds() {
        if !world.sandbox.grade().unwrap().persistent {
            eprintln!("not done on {}: it has no namespaces here", world.grade);
            continue;
        }
        let done =
            world.run(world.perl("opendir(D, '/proc'); print scalar grep { /^\\d+$/ } readdir D")).await;
        // The shim and the command.
        assert_eq!(done.output(), "2", "{}", world.grade);
    }
}

// process case 72
#[tokio::test]
async fn a_command_without_a_network_reaches_nobody() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    tcp.set_nonblocking(true).unwrap();
    udp.set_nonblocking(true).unwrap();
    let (stream, datagram) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
    let script = format!(
        "use Socket; my $a = inet_aton('127.0.0.1'); \
         print 't' if socket(T, PF_INET, SOCK_STREAM, 0) && connect(T, sockaddr_in({stream}, $a)); \
         print 'u' if socket(U, PF_INET, SOCK_DGRAM, 0) && send(U, 'x', 0, sockaddr_in({datagram}, $a));"
    );
    for world in worlds() {
        let mut launch = world.perl(&script);
        launch.network = Network::None;
        world.run(launch).await;
        assert!(tcp.accept().is_err(), "{}", world.grade);
        assert!(udp.recv(&mut [0; 8]).is_err(), "{}", world.grade);

        let done = world.run(world.perl(&script)).await;
        assert_eq!(done.output(), "tu", "{}", world.grade);
        assert!(tcp.accept().is_ok());
        assert_eq!(udp.recv(&mut [0; 8]).unwrap(), 1);
    }
}

// process case 72
#[tokio::test]
async fn names_of_hosts_are_resolved_with_a_network() {
    for world in worlds() {
        let done =
            world.run(world.perl("use Socket; print inet_ntoa(scalar gethostbyname 'localhost')")).await;
        assert_eq!(done.output(), "127.0.0.1", "{}", world.grade);
    }
}
