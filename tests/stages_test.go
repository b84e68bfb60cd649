//go:build privileged

package tests

import (
	"path/filepath"
	"strings"
	"testing"
)

// leaderHas is the state of the leader, the thread that runs PAM, at a stage.
type leaderHas struct {
	uids                 string // real, effective, saved, and the file system's
	gid, groups          string
	permitted, effective uint64
}

// privileges has the leader's state at each stage, as the table in SECURITY.md has it. No other
// thread has any privilege.
func privileges(t *testing.T) map[string]leaderHas {
	t.Helper()
	guard, target := id(t, "-u", "capsu"), id(t, "-u", "ghost")
	row := func(uids, groupsOf string, permitted, effective uint64) leaderHas {
		gid := id(t, "-g", "alpha")
		return leaderHas{uids, four(gid), groupList(t, groupsOf), permitted, effective}
	}
	file, kept := fileSet(t), uint64(closingSet)
	inCall := strings.Join([]string{guard, "0", "0", "0"}, " ")
	between := strings.Join([]string{guard, target, guard, target}, " ")
	return map[string]leaderHas{
		"prompt":        row(four(guard), "alpha", file, 0),
		"auth":          row(inCall, "alpha", file, file),
		"fail delay":    row(inCall, "alpha", file, file),
		"account":       row(inCall, "alpha", file, file),
		"setcred":       row(inCall, "ghost", file, file),
		"open_session":  row(inCall, "ghost", file, file),
		"helper":        row(inCall, "ghost", file, file),
		"child":         row(between, "ghost", file, 0),
		"session":       row(between, "ghost", kept, 0),
		"close_session": row(inCall, "ghost", kept, kept),
		"delete cred":   row(inCall, "ghost", kept, kept),
		"end":           row(inCall, "ghost", kept, kept),
	}
}

func (p leaderHas) fields() map[string]string {
	return map[string]string{"Uid": p.uids, "Gid": p.gid, "Groups": p.groups, "CapInh": hex(0), "CapAmb": hex(0),
		"CapPrm": hex(p.permitted), "CapEff": hex(p.effective), "NoNewPrivs": "0"}
}

// Only the leader has privilege, and exactly what its stage needs.
func TestEveryThreadIsAsTheStageSays(t *testing.T) {
	leaders := privileges(t)
	for _, st := range stages {
		t.Run(st.name, func(t *testing.T) {
			h := hold(t, st)
			tasks, err := filepath.Glob("/proc/" + h.monitor + "/task/*")
			if err != nil || len(tasks) < 3 {
				t.Fatalf("%d threads, %v", len(tasks), err)
			}
			for _, task := range tasks {
				if filepath.Base(task) != h.monitor {
					expectPowerless(t, task)
					continue
				}
				status := statusOf(t, task)
				for field, want := range leaders[st.name].fields() {
					if status[field] != want {
						t.Errorf("the leader: %s is %q, want %q", field, status[field], want)
					}
				}
			}
			// The front is the caller's, without privilege.
			status, alpha := statusOf(t, "/proc/"+h.front), id(t, "-u", "alpha")
			for field, value := range map[string]string{
				"Uid": four(alpha), "CapPrm": hex(0), "NoNewPrivs": "1", "Threads": "1",
			} {
				if status[field] != value {
					t.Errorf("front: %s is %q, want %q", field, status[field], value)
				}
			}
		})
	}
}
