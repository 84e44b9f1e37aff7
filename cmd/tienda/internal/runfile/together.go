package runfile

import "errors"

// LoadTogether reads run files whose apps run beside each other, those of the first file
// first. It fails where two files have an app, or a port, in common.
func LoadTogether(paths ...string) ([]App, error) {
	var all []App
	for _, path := range paths {
		apps, err := Load(path)
		if err != nil {
			return nil, err
		}
		all = append(all, apps...)
	}
	var errs []error
	seen, ports := map[string]bool{}, map[int]string{}
	for _, a := range all {
		errs = append(errs, a.unique(seen), a.check(ports))
	}
	return all, errors.Join(errs...)
}
