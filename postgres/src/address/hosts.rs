//! [`each`]: the hosts of a URL, each with all that the URL says of it.

use rand::seq::SliceRandom;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts};

/// One for each host, in the sequence in which they are asked. None if there is one host only, or if the numbers of hosts,
/// addresses and ports differ: what is wrong then, the client says.
pub(super) fn each(all: &Config) -> Vec<Config> {
    let hosts = all.get_hosts().len();
    let fits = |number: usize| number <= 1 || number == hosts;
    let addresses = all.get_hostaddrs().len();
    if hosts <= 1 || !fits(all.get_ports().len()) || ![0, hosts].contains(&addresses) {
        return Vec::new();
    }
    let mut each: Vec<_> = (0..hosts).map(|at| of(all, at)).collect();
    if all.get_load_balance_hosts() == LoadBalanceHosts::Random {
        each.shuffle(&mut rand::rng());
    }
    each
}

/// The client has no means to take hosts out of a configuration.
fn of(all: &Config, at: usize) -> Config {
    let mut one = Config::new();
    match &all.get_hosts()[at] {
        Host::Tcp(name) => one.host(name),
        #[cfg(unix)]
        Host::Unix(path) => one.host_path(path),
    };
    if let Some(address) = all.get_hostaddrs().get(at) {
        one.hostaddr(*address);
    }
    let ports = all.get_ports();
    if let Some(port) = ports.get(at).or(ports.first()) {
        one.port(*port);
    }
    if let Some(user) = all.get_user() {
        one.user(user);
    }
    if let Some(password) = all.get_password() {
        one.password(password);
    }
    if let Some(database) = all.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = all.get_options() {
        one.options(options);
    }
    if let Some(application) = all.get_application_name() {
        one.application_name(application);
    }
    if let Some(time) = all.get_connect_timeout() {
        one.connect_timeout(*time);
    }
    if let Some(time) = all.get_tcp_user_timeout() {
        one.tcp_user_timeout(*time);
    }
    if let Some(interval) = all.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = all.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .target_session_attrs(all.get_target_session_attrs())
        .channel_binding(all.get_channel_binding())
        .load_balance_hosts(all.get_load_balance_hosts());
    one
}

#[cfg(test)]
mod tests {
    use super::each;
    use tokio_postgres::Config;

    fn config(url: &str) -> Config {
        url.parse().unwrap()
    }

    #[test]
    fn each_host_has_all_that_the_url_says() {
        let settings = "user=me password=secret dbname=shop options=-cjit=off application_name=till \
             sslmode=require sslnegotiation=direct connect_timeout=1 tcp_user_timeout=2 keepalives=0 keepalives_idle=3 \
             keepalives_interval=4 keepalives_retries=5 target_session_attrs=read-write channel_binding=require";
        let all = "host=a,/b hostaddr=10.0.0.1,10.0.0.2 port=1,2";
        let expected = [
            "host=a hostaddr=10.0.0.1 port=1",
            "host=/b hostaddr=10.0.0.2 port=2",
        ];
        let expected = expected.map(|host| config(&format!("{host} {settings}")));
        assert_eq!(each(&config(&format!("{all} {settings}"))), expected);
        // One port counts for all hosts.
        let expected = ["host=a port=7", "host=b port=7"].map(config);
        assert_eq!(each(&config("host=a,b port=7")), expected);
        let expected =
            ["host=a", "host=b"].map(|host| config(&format!("{host} load_balance_hosts=random")));
        let hosts = each(&config("host=a,b load_balance_hosts=random"));
        assert!(hosts.len() == 2 && expected.iter().all(|host| hosts.contains(host)));
    }

    #[test]
    fn the_client_says_what_is_wrong_with_the_numbers() {
        for url in [
            "host=a",
            "host=a,b port=1,2,3",
            "host=a,b hostaddr=10.0.0.1",
        ] {
            assert_eq!(each(&config(url)), [], "{url}");
        }
    }
}
