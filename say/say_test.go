package say

import (
	"errors"
	"fmt"
	"testing"
)

func TestEscapeLeavesTextAlone(t *testing.T) {
	for in, want := range map[string]string{
		`says "no"`: `says "no"`, "grün": "grün", "a\tb": `a\tb`, "\"\r": `"\r`, "\xff": `\xff`, "\u202e": `\u202e`,
		"":                "",
		"\x1b[31mred\r\n": `\x1b[31mred\r\n`, "\xff\u009b \"q\"": `\xff\u009b "q"`, "bell\a and \"q\"\t": `bell\a and "q"\t`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestAnErrorHasALineForEachFaultAndOneForTheRemedy(t *testing.T) {
	cause := errors.New("cause")
	err := Hinted("mend\nit", "a\x1b file: %w", cause)
	if HintOf(fmt.Errorf("x: %w", err)) != "mend\nit" || HintOf(cause) != "" || !errors.Is(err, cause) {
		t.Errorf("%v: %q", err, HintOf(err))
	}
	got := Lines("p", errors.Join(err, cause, cause), HintOf(err))
	if want := "p: a\\x1b file: cause\np: cause\np: hint: mend\\nit\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
