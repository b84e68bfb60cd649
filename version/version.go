// Package version says which version of capsu a program is.
//
// The number stands in the file NUMBER and nowhere else: a script or a package
// reads it there. The commit is what the Go command has noted in the program.
//
// The package needs no privilege and may be called from any thread. It does its
// work when it is asked: a session pays nothing for it.
package version

import (
	_ "embed" // for NUMBER
	"runtime/debug"
	"strings"
)

//go:embed NUMBER
var number string

// String is the number, and the commit in parentheses if it is known. A program
// that was not built from exactly that commit says "-dirty" after it: a report of
// a fault must not name the wrong source.
func String() string {
	info, _ := debug.ReadBuildInfo()
	return text(info)
}

func text(info *debug.BuildInfo) string {
	v := strings.TrimSpace(number)
	settings := map[string]string{}
	if info != nil {
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
	}
	commit := settings["vcs.revision"]
	if commit == "" {
		return v
	}
	commit = commit[:min(7, len(commit))]
	if settings["vcs.modified"] == "true" {
		commit += "-dirty"
	}
	return v + " (" + commit + ")"
}
