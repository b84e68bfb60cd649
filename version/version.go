// Package version tells the version of capsu.
//
// The number stands only in the file NUMBER, where scripts and packages read it. The Go
// command has noted the commit in the program.
//
// Nothing is privileged while it runs, and any thread may call it. It works only when
// String is called, so a session pays nothing for it.
package version

import (
	_ "embed" // for NUMBER
	"runtime/debug"
	"strings"
)

//go:embed NUMBER
var number string

// String returns the number, and the commit in parentheses if it is known. "-dirty" after
// it says that the source had changes beyond the commit, so that a report of a fault does
// not name the wrong source.
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
