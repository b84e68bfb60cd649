package request

import (
	"errors"
	"slices"
	"strings"

	"capsu/say"
	"capsu/site"
)

// This file is about the ssh forced command, a session for a line of authorized_keys. No
// prompt is possible, and standard output and error carry data. The key's holder chooses
// the command and nothing else: their text never reaches capsu's options.

// originalCommand is the variable in which sshd(8) passes its client's command. The session
// does not get it.
const originalCommand = "SSH_ORIGINAL_COMMAND"

// sftpServer is the distribution's program for sshd's internal-sftp.
const sftpServer = "/usr/lib/openssh/sftp-server"

// ofSSH are the variables of the ssh connection that the session gets, besides LC_*.
var ofSSH = []string{"LANG", "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY"}

// isOfSSH tells whether a variable describes the ssh connection or the language of the
// person who uses it.
func isOfSSH(name string) bool {
	return strings.HasPrefix(name, "LC_") || slices.Contains(ofSSH, name)
}

// Force returns s with what the ssh client asks for: its command, which may be empty, or a
// login if there is a terminal. It fails if there is neither.
func (s *Session) Force(environ []string, terminal bool) (*Session, error) {
	asked := *s
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

// withSFTP replaces sshd's word internal-sftp by the server's path. The target's shell runs
// it like any command, so an account whose shell refuses has no sftp.
func withSFTP(command string) string {
	const internal = "internal-sftp"
	args, is := strings.CutPrefix(command, internal)
	if is && (args == "" || args[0] == ' ' || args[0] == '\t') {
		return sftpServer + args
	}
	return command
}

// ServiceOf returns the PAM service: that of --service if it is allowed, otherwise capsu-l
// for a login and capsu for other sessions.
func (s *Session) ServiceOf(allowed []string) (string, error) {
	switch {
	case s.Service != "" && !slices.Contains(allowed, s.Service):
		return "", say.Hinted("Services in "+site.DefaultFile+" says which may be named", "--service %s: may not be named", s.Service)
	case s.Service != "":
		return s.Service, nil
	case s.Login:
		return "capsu-l", nil
	}
	return "capsu", nil
}
