//go:build privileged

package tests

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is a daemon that a module asks. It runs in the world, as a child of the test.
type server struct {
	setUp   string // root's script
	command string // in the foreground
	ready   string // root's script that succeeds once the server answers
	user    string // default root
}

// places are the addresses of the servers: ports of 127.0.0.1 that were free when the test
// began.
var places = sync.OnceValue(func() *strings.Replacer {
	var pairs []string
	for _, name := range []string{"KDC", "KADMIN", "KPASSWD", "LDAP"} {
		pairs = append(pairs, "@"+name+"@", strconv.Itoa(freePort()))
	}
	radius := freePort() // its accounting has the next
	pairs = append(pairs, "@RADIUS@", strconv.Itoa(radius), "@ACCOUNTING@", strconv.Itoa(radius+1))
	return strings.NewReplacer(pairs...)
})

// placed puts the ports into a script.
func placed(script string) string { return places().Replace(script) }

// freePort is a port that neither TCP nor UDP uses. UDP does not use the next one either.
func freePort() int {
	for {
		tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			panic(err) // no address family: no test could run
		}
		port := tcp.Addr().(*net.TCPAddr).Port
		udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		tcp.Close()
		if err != nil {
			continue
		}
		next, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1})
		udp.Close()
		if err == nil {
			next.Close()
			return port
		}
	}
}

// serving are the servers that run.
var serving = map[string]bool{}

// serve starts servers that do not run yet. They end with the whole test, not with a row.
func serve(t *testing.T, names []string) {
	t.Helper()
	for _, name := range names {
		if serving[name] {
			continue
		}
		s, known := servers[name]
		if !known {
			t.Fatalf("%s: no such server", name)
		}
		must(t, "sh", "-euc", placed(s.setUp))
		start(t, name, s)
		serving[name] = true
	}
}

func start(t *testing.T, name string, s server) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "exec "+placed(s.command))
	if s.user != "" {
		cmd = exec.Command("setpriv",
			append([]string{"--reuid", s.user, "--regid", s.user, "--init-groups"}, cmd.Args...)...)
	}
	log, err := os.Create("/opt/m/" + name + ".log")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	atEnd = append(atEnd, func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			cmd.Process.Kill()
		}
	})
	eventually(t, name+" serves", func() bool {
		if len(ended) > 0 {
			text, _ := os.ReadFile("/opt/m/" + name + ".log")
			t.Fatalf("%s has ended:\n%s", name, text)
		}
		return s.ready == "" || exec.Command("sh", "-euc", placed(s.ready)).Run() == nil
	}, func() string { return must(t, "cat", "/opt/m/"+name+".log") })
}

// atEnd ends the servers, in reverse.
var atEnd []func()

func endServers() {
	for len(atEnd) > 0 {
		last := atEnd[len(atEnd)-1]
		atEnd = atEnd[:len(atEnd)-1]
		last()
	}
	clear(serving)
}

var servers = map[string]server{
	"kdc": {
		setUp: `mkdir -p /opt/m/kdc /etc/krb5kdc
cat >/etc/krb5.conf <<END
[libdefaults]
	default_realm = CAPSU.TEST
	dns_lookup_realm = false
	dns_lookup_kdc = false
	dns_canonicalize_hostname = false
	rdns = false
[realms]
	CAPSU.TEST = {
		kdc = 127.0.0.1:@KDC@
		admin_server = 127.0.0.1:@KADMIN@
		kpasswd_server = 127.0.0.1:@KPASSWD@
	}
END
cat >/etc/krb5kdc/kdc.conf <<END
[realms]
	CAPSU.TEST = {
		database_name = /opt/m/kdc/principal
		key_stash_file = /opt/m/kdc/stash
		acl_file = /opt/m/kdc/acl
		kdc_listen = 127.0.0.1:@KDC@
		kdc_tcp_listen = 127.0.0.1:@KDC@
		kadmind_listen = 127.0.0.1:@KADMIN@
		kpasswd_listen = 127.0.0.1:@KPASSWD@
	}
END
touch /opt/m/kdc/acl
kdb5_util create -s -r CAPSU.TEST -P master >/dev/null
kadmin.local addprinc -pw '` + password + `' ghost >/dev/null
kadmin.local addprinc -randkey host/localhost >/dev/null`,
		command: "krb5kdc -n",
		ready:   `echo '` + password + `' | KRB5CCNAME=MEMORY: kinit ghost >/dev/null`,
	},
	"kadmind": {
		command: "kadmind -nofork",
		ready:   `ss -Hlun 'sport = :@KPASSWD@' | grep -q .`,
	},
	"slapd": {
		setUp: `mkdir -p /opt/m/ldap/db /run/slapd
cat >/opt/m/ldap/slapd.conf <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /run/slapd/slapd.pid
database mdb
suffix dc=capsu,dc=test
rootdn cn=admin,dc=capsu,dc=test
rootpw master
directory /opt/m/ldap/db
maxsize 10485760
access to attrs=userPassword by self write by anonymous auth
access to * by * read
END
cat >/opt/m/ldap/ghost.ldif <<END
dn: uid=ghost,ou=people,dc=capsu,dc=test
changetype: add
objectClass: account
objectClass: posixAccount
uid: ghost
cn: ghost
uidNumber: $(id -u ghost)
gidNumber: $(id -g ghost)
homeDirectory: /home/ghost
loginShell: /bin/sh
userPassword: ` + password + `
END
slapadd -f /opt/m/ldap/slapd.conf <<END
dn: dc=capsu,dc=test
objectClass: dcObject
objectClass: organization
dc: capsu
o: capsu

dn: ou=people,dc=capsu,dc=test
objectClass: organizationalUnit
ou: people
END`,
		command: "slapd -d 0 -f /opt/m/ldap/slapd.conf -h ldap://127.0.0.1:@LDAP@/",
		ready:   ldapGhost,
	},
	"nslcd": {
		setUp: `mkdir -p /run/nslcd; chown nslcd: /run/nslcd
cat >/etc/nslcd.conf <<END
uid nslcd
gid nslcd
uri ldap://127.0.0.1:@LDAP@/
base dc=capsu,dc=test
END`,
		command: "nslcd -n",
		ready:   "test -S /run/nslcd/socket",
	},
	"sssd": {
		setUp: `cp -a /var/lib/sss /opt/m/sss; rm -f /opt/m/sss/db/* /opt/m/sss/mc/*
mount --bind /opt/m/sss /var/lib/sss; mkdir -p /var/log/sssd
cat >/etc/sssd/sssd.conf <<END
[sssd]
services = nss, pam
domains = test
[domain/test]
id_provider = ldap
auth_provider = ldap
chpass_provider = ldap
ldap_uri = ldap://127.0.0.1:@LDAP@/
ldap_search_base = dc=capsu,dc=test
ldap_auth_disable_tls_never_use_in_production = true
ldap_id_use_start_tls = false
cache_credentials = false
END
chmod 600 /etc/sssd/sssd.conf`,
		command: "sssd -i --logger=files",
		// until version 2.9 root's programs have a socket of their own
		ready: `test -S /var/lib/sss/pipes/pam
test -S /var/lib/sss/pipes/private/pam || ! sssd --version | grep -q '^2\.[0-8]\.'`,
	},
	"radius": {
		setUp: `mkdir -p /opt/m/radius
cat >/opt/m/radius/radiusd.conf <<END
name = radius
libdir = /usr/lib/freeradius
run_dir = /opt/m/radius
pidfile = /opt/m/radius/pid
client local {
	ipaddr = 127.0.0.1
	secret = testing123
}
modules {
	files {
		usersfile = /opt/m/radius/users
	}
	pap {
	}
	always ok {
		rcode = ok
	}
}
security {
	reject_delay = 0
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = @RADIUS@
	}
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = @ACCOUNTING@
	}
	authorize {
		files
		pap
	}
	authenticate {
		pap
	}
	preacct {
		ok
	}
	accounting {
		ok
	}
}
END
echo 'ghost Cleartext-Password := "` + password + `"' >/opt/m/radius/users
echo '127.0.0.1:@RADIUS@ testing123 1' >/etc/pam_radius_auth.conf
chmod 600 /etc/pam_radius_auth.conf`,
		command: "freeradius -f -l stdout -n radiusd -d /opt/m/radius",
		ready:   `ss -Hlun 'sport = :@RADIUS@' | grep -q .`,
	},
	"dbus": {
		setUp:   "mkdir -p /run/dbus",
		command: "dbus-daemon --system --nofork --nopidfile",
		ready:   "test -S /run/dbus/system_bus_socket",
	},
	"oddjob": {command: "oddjobd -n", ready: "oddjob_request ping >/dev/null"},
	"agent": {
		setUp: `rm -rf /opt/m/agent; install -d -o alpha -g alpha -m 700 /opt/m/agent
ssh-keygen -q -t ed25519 -N '' -C alpha -f /opt/m/agent/key; chown alpha: /opt/m/agent/key
install -m 600 /opt/m/agent/key.pub /opt/m/authorized`,
		command: "ssh-agent -D -a /opt/m/agent/socket",
		ready: `SSH_AUTH_SOCK=/opt/m/agent/socket setpriv --reuid alpha --regid alpha --init-groups \
	ssh-add -q /opt/m/agent/key`,
		user: "alpha",
	},
}

// ldapGhost makes the target's entry in the directory anew.
const ldapGhost = `ldapdelete -x -H ldap://127.0.0.1:@LDAP@/ -D cn=admin,dc=capsu,dc=test -w master \
	uid=ghost,ou=people,dc=capsu,dc=test 2>/dev/null || true
ldapmodify -x -H ldap://127.0.0.1:@LDAP@/ -D cn=admin,dc=capsu,dc=test -w master -f /opt/m/ldap/ghost.ldif >/dev/null`
