package account

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestRootIsFoundByNameAndByNumber(t *testing.T) {
	byName, err := ByName("root")
	if err != nil {
		t.Fatal(err)
	}
	byUID, err := ByUID(0)
	if err != nil {
		t.Fatal(err)
	}
	if *byName != *byUID || byName.UID != 0 || byName.Name != "root" {
		t.Errorf("by name %+v, by number %+v", byName, byUID)
	}
}

func TestUnknownAccountsAreErrUnknown(t *testing.T) {
	for _, name := range []string{"", "no such user", "a/b", "root ", strings.Repeat("x", 4096)} {
		if _, err := ByName(name); !errors.Is(err, ErrUnknown) {
			t.Errorf("%.20q: got %v, want ErrUnknown", name, err)
		}
	}
	if _, err := ByUID(4294967294); !errors.Is(err, ErrUnknown) {
		t.Errorf("uid: got %v, want ErrUnknown", err)
	}
}

func TestGroupListHoldsThePrimaryGroupSortedAndOnce(t *testing.T) {
	u := &User{Name: "no such user", GID: 4242}
	groups, err := u.Groups()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(groups, []uint32{4242}) {
		t.Errorf("got %v", groups)
	}
}

func TestMembershipGoesByTheGroupList(t *testing.T) {
	for _, c := range []struct {
		groups []uint32
		name   string
		want   bool
	}{
		{[]uint32{0}, "root", true},
		{[]uint32{1}, "root", false},
		{[]uint32{0}, "no such group", false},
	} {
		if got, err := Member(c.groups, c.name); got != c.want || err != nil {
			t.Errorf("Member(%v, %q) = %v, %v", c.groups, c.name, got, err)
		}
	}
}

func TestOnlyListedShellsAreListed(t *testing.T) {
	if !ShellListed("/bin/sh") || ShellListed("/bin/false-shell") {
		t.Error("/etc/shells is not what decides")
	}
}
