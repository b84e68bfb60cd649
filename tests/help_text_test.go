//go:build privileged

package tests

import (
	"strings"
)

// Texts: what differs between two of them.

// without returns the lines of a text that the other text does not have.
func without(text, other string) (rest string) {
	for line := range strings.Lines(text) {
		if !strings.Contains("\n"+other, "\n"+line) {
			rest += line
		}
	}
	return rest
}

// factsOf reads what programs/tell.c prints, by its names.
func factsOf(stdout string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(stdout) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		facts[strings.TrimPrefix(name, "in ")] = strings.TrimSpace(value)
	}
	return facts
}

// differing shows, as diff(1) does, the lines that only one of two texts has.
func differing(a, b string) string {
	if only := marked("- ", without(a, b)) + marked("+ ", without(b, a)); only != "" || a == b {
		return only
	}
	return "the same lines in another order or number\n--- su\n" + a + "--- capsu\n" + b
}

// marked is a text with a mark before each line.
func marked(mark, text string) (all string) {
	for line := range strings.Lines(text) {
		all += mark + strings.TrimSuffix(line, "\n") + "\n"
	}
	return all
}
