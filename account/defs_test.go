package account

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSettingsAreReadAsSuReadsThem(t *testing.T) {
	dir := t.TempDir()
	was := defsFiles
	defsFiles = []string{filepath.Join(dir, "login.defs"), filepath.Join(dir, "su")}
	t.Cleanup(func() { defsFiles = was })
	for _, c := range []struct {
		login, su  string
		user, root string
		always     bool
	}{
		{"", "", userPath, rootPath, false},
		{"ENV_PATH /a", "", "/a", rootPath, false},
		{"ENV_PATH PATH=/a\nENV_SUPATH PATH=/b\n", "", "/a", "/b", false},
		{"ENV_PATH /a\nENV_PATH /b\n", "", "/b", rootPath, false},
		{"ENV_PATH /a\n", "ENV_PATH /su\n", "/su", rootPath, false},
		{"env_path=/a", "", "/a", rootPath, false},
		{"  ENV_PATH \"PATH=/a b\"  # x\n#ENV_PATH /c\n", "", "/a b", rootPath, false},
		{"ENV_ROOTPATH /r", "", userPath, "/r", false},
		{"ENV_ROOTPATH /r\nENV_SUPATH /s\n", "", userPath, "/s", false},
		{"ALWAYS_SET_PATH yes", "", userPath, rootPath, true},
		{"ALWAYS_SET_PATH YES", "ALWAYS_SET_PATH no", userPath, rootPath, false},
		{"ENV_PATH", "", userPath, rootPath, false},
	} {
		for path, text := range map[string]string{defsFiles[0]: c.login, defsFiles[1]: c.su} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d, err := ReadDefs()
		if err != nil || d.Path(1000) != c.user || d.Path(0) != c.root || d.AlwaysSetPath() != c.always {
			t.Errorf("%q, %q: %q, %v", c.login, c.su, d, err)
		}
	}
	os.RemoveAll(dir)
	if d, err := ReadDefs(); err != nil || len(d) != 0 {
		t.Errorf("missing files: %v, %v", d, err)
	}
}
