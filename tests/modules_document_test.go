//go:build privileged

package tests

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

var (
	recordModules = flag.Bool("modules.record", false, "write what is measured into doc/modules.md")
	moduleSample  = flag.Int("modules.sample", 4, "measure one row in so many; 1 is all of them")
	modulePart    = flag.Int("modules.part", -1, "from this one, else from any")
)

const document = "../doc/modules.md"

// This test measures a sample of the rows of Linux-PAM, and all rows of other packages. It
// compares each with its line in doc/modules.md, and those of the sample with stack/needs.go
// too.
func TestEveryModuleIsAsUnderSuOrSaysWhy(t *testing.T) {
	worldOfModules(t)
	part := *modulePart
	if part < 0 {
		part = rand.IntN(*moduleSample)
	}
	t.Logf("every %dth row, from the %dth", *moduleSample, part)
	recorded := documented(t)
	var lines []string
	for i, r := range rows(t) {
		sampled := i%*moduleSample == part
		if !r.others && !sampled {
			continue
		}
		t.Run(r.String(), func(t *testing.T) {
			serve(t, r.servers)
			r.keep(t)
			line := r.line(t, sampled)
			if !t.Failed() && sampled {
				lines = append(lines, line)
			}
			begins := func(other string) bool { return strings.HasPrefix(other, line) }
			if !*recordModules && !slices.ContainsFunc(recorded, begins) {
				t.Errorf("doc/modules.md does not have the line\n%s\nmake modules measures anew", line)
			}
		})
	}
	if *recordModules {
		writeDocument(t, lines)
	}
}

// Every installed module has its lines for every phase, whatever the sample.
func TestEveryModuleHasItsLineInTheDocument(t *testing.T) {
	recorded := documented(t)
	for _, r := range rows(t) {
		if !slices.ContainsFunc(recorded, func(line string) bool { return strings.HasPrefix(line, r.head()) }) {
			t.Errorf("doc/modules.md has no line %q", r.head())
		}
	}
	for _, line := range recorded {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || slices.ContainsFunc(cells[1:6], func(c string) bool { return strings.TrimSpace(c) == "" }) {
			t.Errorf("doc/modules.md: not five cells with a result each: %q", line)
		}
	}
}

func (r row) head() string {
	name := "pam_" + r.module
	if r.variant != "" {
		name += ", " + r.variant
	}
	return fmt.Sprintf("| %s | %s |", name, r.phase)
}

// line measures a row, and returns its line in the document. Without its needs, which take as
// long again, it returns the beginning of the line.
func (r row) line(t *testing.T, withNeeds bool) string {
	t.Helper()
	without := r.measure(t, su, "alpha", true)
	underSu := r.measure(t, su, "alpha", false)
	if underSu == without && !r.answer && r.unseen == "" {
		t.Errorf("nothing of its work shows under su: the trial tells nothing")
	}
	does := r.measure(t, measured, "alpha", false)
	alpha := r.compared(t, "alpha", underSu, does)
	root := r.compared(t, "root", r.measure(t, su, "root", false), r.measure(t, measured, "root", false))
	line := fmt.Sprintf("%s %s | %s |", r.head(), alpha, root)
	if !withNeeds || t.Failed() { // what a module needs that does not do its work is nothing to measure
		return line
	}
	return line + " " + r.needs(t, does, without) + " |"
}

// compared returns how a module did under capsu, compared with su.
func (r row) compared(t *testing.T, caller, underSu, does string) string {
	t.Helper()
	difference := differing(underSu, does)
	switch {
	case difference != "" && r.differs == "":
		t.Errorf("%s calls: not as under su, and no reason is known:\n%s", caller, difference)
	case difference == "" && r.differs != "":
		t.Errorf("%s calls: as under su, but there is a reason for a difference: %s", caller, r.differs)
	}
	switch {
	case r.differs != "":
		return "difference: " + r.differs
	case r.unseen != "":
		return "not observable here: " + r.unseen
	}
	return "same"
}

// needs finds the capabilities that the module needs to do its work, and compares them with
// stack/needs.go.
func (r row) needs(t *testing.T, does, without string) string {
	t.Helper()
	tabled, more := r.tabled(t)
	if r.shows || r.part || r.unseen != "" || does == without {
		if len(more) > 0 {
			return capNames(more) + " (not measured)"
		}
		return "-"
	}
	tabled = r.spare(t, does, tabled)
	if !r.confirmed(t, does, tabled) {
		t.Errorf("needs %s; the table in stack/needs.go has %s", capNames(r.needed(t, does)), capNames(tabled))
	}
	text := capNames(tabled)
	if len(more) > 0 {
		text += "; " + capNames(more) + " (not measured)"
	}
	return text
}

func capNames(caps []cap.Value) string {
	if len(caps) == 0 {
		return "nothing more"
	}
	return strings.TrimSuffix(setcapText(caps), "=p")
}

// release is the heading of this machine's section.
func release(t *testing.T) string {
	t.Helper()
	return "## " + strings.TrimSpace(must(t, "sh", "-c", `. /etc/os-release; printf 'Debian %s, Linux-PAM ' "$VERSION_ID"
dpkg-query -W -f '${Version}' libpam-modules | sed 's/-.*//'`))
}

// sections are the sections of the document, by heading. The text before the first has the
// heading "".
func sections(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	all, heading := map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "## ") {
			heading = strings.TrimSpace(line)
			continue
		}
		all[heading] += line
	}
	return all
}

func documented(t *testing.T) (lines []string) {
	t.Helper()
	for line := range strings.Lines(sections(t)[release(t)]) {
		if strings.HasPrefix(line, "| pam_") && !strings.HasSuffix(line, " absent |\n") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// writeDocument replaces the lines of these rows in this machine's section, and removes the
// lines of rows that no longer exist.
func writeDocument(t *testing.T, lines []string) {
	t.Helper()
	lock, err := os.Open(document) // several measure parts at once
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	old := map[string]bool{}
	for _, r := range rows(t) {
		old[rowOf(r.head())] = true
	}
	for _, line := range lines {
		delete(old, rowOf(line))
	}
	for _, line := range documented(t) {
		if old[rowOf(line)] {
			lines = append(lines, line)
		}
	}
	files := moduleFiles(t)
	for key := range trials {
		if name, _, _ := strings.Cut(key, "/"); files[name] == "" {
			lines = append(lines, fmt.Sprintf("| pam_%s | all | absent | absent | absent |", name))
			files[name] = "absent"
		}
	}
	slices.Sort(lines)
	all := sections(t)
	const heading = `
| module | phase | alpha calls | root calls | needs, beyond capsu's start |
|---|---|---|---|---|
`
	all[release(t)] = heading + strings.Join(lines, "\n") + "\n\n"
	text := all[""]
	for _, heading := range slices.Sorted(maps.Keys(all)) {
		if heading != "" {
			text += heading + "\n" + strings.TrimRight(all[heading], "\n") + "\n\n"
		}
	}
	if err := os.WriteFile(document, []byte(strings.TrimRight(text, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// rowOf is the part of a line that names its row.
func rowOf(line string) string { return strings.Join(strings.SplitN(line, "|", 4)[:3], "|") }
