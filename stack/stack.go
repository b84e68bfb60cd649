// Package stack reads PAM service files (pam.d(5)). It finds the modules of a service and
// the capabilities that they need. It decides nothing, since libpam reads the files itself.
//
// Nothing is privileged while it runs, and any thread may call it.
package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"capsu/service"
)

// Module is a line of a service file that names a module.
type Module struct {
	Type string // auth, account, password or session
	Name string // the name of its file without the directory, such as pam_unix.so
	Args []string
	File string
	Line int
}

// maxDepth is how deep service files may include each other; libpam has a limit too.
const maxDepth = 32

// Read returns the modules of a service in order, with those of the services that it
// includes.
func Read(name string) ([]Module, error) { return read(name, "", maxDepth) }

func read(name, only string, depth int) ([]Module, error) {
	if depth == 0 {
		return nil, fmt.Errorf("%s: service files include each other", name)
	}
	path, text, err := find(name)
	if err != nil {
		return nil, err
	}
	var modules []Module
	for _, l := range logicalLines(text) {
		words := split(l.text)
		var more []Module
		var err error
		switch {
		case len(words) == 0:
			continue
		case words[0] == "@include" && len(words) > 1:
			more, err = read(words[1], only, depth-1)
		case len(words) < 3:
			return nil, fmt.Errorf("%s:%d: neither type, control and module nor @include", path, l.number)
		default:
			kind := strings.ToLower(strings.TrimPrefix(words[0], "-"))
			if only != "" && kind != only {
				continue
			}
			if words[1] == "include" || words[1] == "substack" {
				more, err = read(words[2], kind, depth-1)
				break
			}
			more = []Module{{Type: kind, Name: filepath.Base(words[2]), Args: words[3:], File: path, Line: l.number}}
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, l.number, err)
		}
		modules = append(modules, more...)
	}
	return modules, nil
}

// find reads a service's file. A name with a / is the path of a file.
func find(name string) (path, text string, err error) {
	paths := []string{name}
	if !strings.Contains(name, "/") {
		paths = nil
		for _, dir := range service.Directories {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return path, string(text), err
		}
	}
	return "", "", fmt.Errorf("%s: %w", name, service.ErrNone)
}

type logicalLine struct {
	number int
	text   string
}

// logicalLines joins lines that end in a backslash, and removes comments.
func logicalLines(text string) (all []logicalLine) {
	number, joined := 0, ""
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(strings.TrimSuffix(line, "\n"), "#")
		if rest, more := strings.CutSuffix(line, `\`); more {
			joined += rest + " "
			continue
		}
		all = append(all, logicalLine{number, joined + line})
		joined = ""
	}
	return append(all, logicalLine{number, joined})
}

// split returns the words of a line. A word in brackets may have blanks.
func split(line string) (words []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '[' {
			if word, rest, closed := strings.Cut(line[1:], "]"); closed {
				words, line = append(words, word), rest
				continue
			}
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words
}
