package runfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The resource folder that a profile takes the place of: components/local.
const (
	profilesFolder = "components"
	defaultProfile = "local"
)

// UseProfile makes the apps take components/<profile> where the run file names
// components/local. It fails when there is no such folder.
func UseProfile(apps []App, profile string) error {
	if profile == "" || profile == defaultProfile {
		return nil
	}
	for _, a := range apps {
		for i, dir := range a.ResourcesPaths {
			profiles, name := filepath.Split(dir)
			if name != defaultProfile || filepath.Base(profiles) != profilesFolder {
				continue
			}
			to := filepath.Join(profiles, profile)
			if info, err := os.Stat(to); err != nil || !info.IsDir() || filepath.Dir(to) != filepath.Clean(profiles) {
				return fmt.Errorf("there is no profile %q: %s has %s", profile, profiles, strings.Join(Profiles(profiles), ", "))
			}
			a.ResourcesPaths[i] = to
		}
	}
	return nil
}

// Profiles lists the profiles in a folder of component files.
func Profiles(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}
