//go:build privileged

package tests

import (
	"strings"
)

// without are the lines of a text that another does not have.
func without(text, other string) (rest string) {
	for line := range strings.Lines(text) {
		if !strings.Contains("\n"+other, "\n"+line) {
			rest += line
		}
	}
	return rest
}

// factsOf is what programs/tell.c says in a session.
func factsOf(stdout string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(stdout) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		facts[strings.TrimPrefix(name, "in ")] = strings.TrimSpace(value)
	}
	return facts
}

// differing are the lines that only one of two texts has.
func differing(a, b string) string {
	var out strings.Builder
	for _, side := range []struct{ mark, text, other string }{{"- ", a, b}, {"+ ", b, a}} {
		for line := range strings.Lines(side.text) {
			if !strings.Contains("\n"+side.other, "\n"+line) {
				out.WriteString(side.mark + strings.TrimSuffix(line, "\n") + "\n")
			}
		}
	}
	if out.Len() == 0 && a != b {
		return "the same lines in another order or number\n--- su\n" + a + "--- capsu\n" + b
	}
	return out.String()
}
