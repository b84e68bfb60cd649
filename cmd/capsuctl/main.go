// Capsuctl answers questions about capsu: what a user would get and why, what is wrong with
// the configuration, and which capabilities the program's file needs.
//
// It needs no privilege and changes nothing. It does not depend on the thread.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"capsu/say"
	"capsu/version"

	"github.com/spf13/pflag"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// The exit statuses.
const (
	exitGood    = 0
	exitFinding = 1 // a finding, or an error
	exitUsage   = 2
)

const usage = `Usage: capsuctl COMMAND [options]

  explain USER    what USER would get, from which file and line, and why
  check [FILE]    every finding in capsu.conf and the policy (default: as capsu.conf names it)
  filecaps        the smallest set of file capabilities this site needs

'capsuctl COMMAND --help' shows a command's options, 'capsuctl --version' the
version. Status 0: good, 1: findings or an error, 2: bad usage.
`

var commands = map[string]func(args []string) int{
	"explain": explain, "check": check, "filecaps": filecaps,
}

func main() {
	args := os.Args[min(1, len(os.Args)):]
	switch {
	case len(args) == 0:
		fmt.Fprint(os.Stderr, "capsuctl: no command given\nTry 'capsuctl --help'\n")
		os.Exit(exitUsage)
	case args[0] == "-h" || args[0] == "--help":
		fmt.Print(usage)
		os.Exit(exitGood)
	case args[0] == "-V" || args[0] == "--version":
		fmt.Println("capsuctl " + version.String())
		os.Exit(exitGood)
	}
	command := commands[args[0]]
	if command == nil {
		fmt.Fprintf(os.Stderr, "capsuctl: %s: no such command\nTry 'capsuctl --help'\n", say.Escape(args[0]))
		os.Exit(exitUsage)
	}
	os.Exit(command(args[1:]))
}

// newFlags returns a command's set of options. synopsis is its usage after "capsuctl".
func newFlags(synopsis string) *pflag.FlagSet {
	f := pflag.NewFlagSet("capsuctl", pflag.ContinueOnError)
	f.Usage = func() { fmt.Printf("Usage: capsuctl %s\n\n%s", synopsis, f.FlagUsages()) }
	return f
}

// parse reads a command's arguments. operand is the name of the argument that is no option:
// in brackets if it may be missing, "" if there is none. If done is true, the command ends
// with status.
func parse(f *pflag.FlagSet, args []string, operand string) (status int, done bool) {
	err := f.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return exitGood, true
	}
	switch most := len(strings.Fields(operand)); {
	case err != nil:
	case f.NArg() > most:
		err = fmt.Errorf("unexpected argument: %s", f.Arg(most))
	case f.NArg() < most && operand[0] != '[':
		err = fmt.Errorf("missing argument: %s", operand)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "capsuctl: %s\nTry 'capsuctl --help'\n", say.Escape(err.Error()))
		return exitUsage, true
	}
	return exitGood, false
}

// warn writes a note or a warning to standard error. It does not change the answer.
func warn(kind string, err error) {
	fmt.Fprintf(os.Stderr, "capsuctl: %s: %s\n", kind, say.Escape(err.Error()))
}

// fail writes an error to standard error, and returns the exit status for it.
func fail(err error) int {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(os.Stderr, "capsuctl: %s\n", say.Escape(line))
	}
	return exitFinding
}

// printAnswer prints an answer without findings as JSON, and returns the exit status.
func printAnswer(v any) int {
	if err := printJSON(v); err != nil {
		return fail(err)
	}
	return exitGood
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// findProgram returns the path of capsu: the one named, otherwise one beside this program,
// otherwise one on PATH. It is "" if there is none.
func findProgram(named string) string {
	if named != "" {
		return named
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "capsu")
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside
		}
	}
	path, err := exec.LookPath("capsu")
	if err != nil {
		return ""
	}
	return path
}

// permitted returns a function that tells whether a capability is in the permitted set of
// a program's file. It returns nil, and writes a note, if there is no program.
func permitted(named string) func(cap.Value) bool {
	path := findProgram(named)
	if path == "" {
		warn("note", errors.New("no capsu beside this program or on PATH: not compared with its file capabilities; --program names one"))
		return nil
	}
	set, err := cap.GetFile(path)
	if err != nil {
		warn("note", fmt.Errorf("%s: file capabilities: %w", path, err))
		return func(cap.Value) bool { return false }
	}
	return func(c cap.Value) bool {
		on, err := set.GetFlag(cap.Permitted, c)
		return err == nil && on
	}
}
