package main

import (
	"os"
	"testing"

	"capsu/policy"
	"capsu/site"
)

// These packages do not import each other, but must agree.
func TestSiteAgreesWithItsNeighbours(t *testing.T) {
	read, faults := site.Check(os.DevNull, policy.CheckWord)
	if len(faults) != 0 {
		t.Fatal(faults)
	}
	s, err := read.Decide(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.File != policy.DefaultFile {
		t.Errorf("the rules are in %s by default, for the policy in %s", s.File, policy.DefaultFile)
	}
}

func TestOneNameOfARuleOrTheDefaultIsReadAsThePolicyReadsIt(t *testing.T) {
	for word, good := range map[string]bool{"all": true, "none": true, "^cap_kill,!3": true, "": true,
		"All": false, "cap_x": false} {
		if err := policy.CheckWord(word); (err == nil) != good {
			t.Errorf("%q: %v", word, err)
		}
	}
}
