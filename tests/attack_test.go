//go:build privileged

package tests

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// The attacks of the other tests must fail. This test shows that they can succeed: each kind of
// attempt does, against a process of the attacker's own.
func TestTheAttackWouldSucceedAgainstAnOwnProcess(t *testing.T) {
	cmd := exec.Command("setpriv", "--reuid", "alpha", "--regid", "alpha", "--init-groups", "sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the victim", func() bool { return running(cmd.Process.Pid, "sleep") })
	got := attackBy(t, "alpha", fmt.Sprint(cmd.Process.Pid))
	cmd.Wait()
	for _, what := range append([]string{
		"kill terminated", "kill killed", "ptrace attach", "prlimit get", "prlimit set",
		"process_vm_readv", "process_vm_writev",
		"kcmp vm", "kcmp files", "move_pages", "get_robust_list", "pidfd_getfd", "read environ", "read task/environ",
		"open mem", "open mem to write", "open task/mem to write", "write oom_score_adj", "write task/oom_score_adj",
		"list fd", "list task/fd", "readlink exe", "readlink fd/0", "readlink task/ns/mnt", "read maps", "read auxv",
	}, ownersRights...) {
		if !strings.Contains("\n"+got, "\n"+what) {
			t.Errorf("%q is missing in %q", what, got)
		}
	}
}
