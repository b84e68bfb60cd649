package version

import (
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
)

func TestTheCommitIsShownIfItIsKnown(t *testing.T) {
	set := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	revision := set("vcs.revision", "abc1234def5678900000000000000000000000ff")
	for suffix, info := range map[string]*debug.BuildInfo{
		"":                 nil,
		" (abc1234)":       {Settings: []debug.BuildSetting{set("vcs", "git"), revision, set("vcs.modified", "false")}},
		" (abc1234-dirty)": {Settings: []debug.BuildSetting{set("vcs.modified", "true"), revision}},
		" (abc)":           {Settings: []debug.BuildSetting{set("vcs.revision", "abc")}},
	} {
		t.Run(suffix, func(t *testing.T) {
			if got := text(info); !regexp.MustCompile(`^\d+\.\d+\.\d+` + regexp.QuoteMeta(suffix) + `$`).MatchString(got) {
				t.Errorf("got %q", got)
			}
		})
	}
	if got := text(&debug.BuildInfo{}); got != text(nil) {
		t.Errorf("without a repository: %q", got)
	}
}

// The change log must have a section for this version.
func TestTheChangeLogHasThisVersion(t *testing.T) {
	log, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "\n## "+strings.TrimSpace(number)) {
		t.Errorf("CHANGELOG.md: no section ## %s", number)
	}
}
