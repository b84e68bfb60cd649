package request

import (
	"errors"
	"slices"
	"strings"

	"capsu/say"
	"capsu/site"
)

// The ssh forced command: a session for a line of authorized_keys. Nobody can
// be asked, standard output and error carry data, and what the key's
// holder says is the command and nothing else: it never reaches capsu's options.

// originalCommand is the variable in which sshd(8) says what its client asked
// for. The session does not have it.
const originalCommand = "SSH_ORIGINAL_COMMAND"

// sftpServer is what the distribution has in place of sshd's internal-sftp.
const sftpServer = "/usr/lib/openssh/sftp-server"

// ofSSH are the variables of the ssh side that the session has, with LC_*.
var ofSSH = []string{"LANG", "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY"}

// isOfSSH tells whether a variable tells of the connection, or of what the
// person at its other end can read.
func isOfSSH(name string) bool {
	return strings.HasPrefix(name, "LC_") || slices.Contains(ofSSH, name)
}

// Force returns what the ssh client asks for: a command, also an empty one, or a login,
// which is for a person at a terminal.
func (o *Session) Force(environ []string, terminal bool) (*Session, error) {
	asked := *o
	command, isCommand := Value(environ, originalCommand)
	switch {
	case isCommand:
		asked.Command, asked.HasCommand = withSFTP(command), true
	case terminal:
		asked.Login = true
	default:
		return nil, errors.New("--forced-command: the ssh client sent no command and has no terminal for a login")
	}
	return &asked, nil
}

// withSFTP names the server where the command is sshd's own word for it. It
// goes through the target's shell as all else does: who has none has no files.
func withSFTP(command string) string {
	const internal = "internal-sftp"
	args, is := strings.CutPrefix(command, internal)
	if is && (args == "" || args[0] == ' ' || args[0] == '\t') {
		return sftpServer + args
	}
	return command
}

// ServiceOf settles which PAM service asks: by the kind of session, or the
// one of --service, if the site lets the caller name it.
func (o *Session) ServiceOf(allowed []string) (string, error) {
	switch {
	case o.Service != "" && !slices.Contains(allowed, o.Service):
		return "", say.Hinted("Services in "+site.DefaultFile+" says which may be named", "--service %s: may not be named", o.Service)
	case o.Service != "":
		return o.Service, nil
	case o.Login:
		return "capsu-l", nil
	}
	return "capsu", nil
}
