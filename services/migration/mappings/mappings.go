// Package mappings holds the mapping files that come with the shop.
package mappings

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"tienda/services/migration/internal/mapping"
)

//go:embed *.yaml
var files embed.FS

// Names gives what there is, sorted: "ds3", "example", "monolith", "northwind".
func Names() []string {
	found, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil // the pattern is a good one
	}
	for i, name := range found {
		found[i] = strings.TrimSuffix(path.Base(name), ".yaml")
	}
	slices.Sort(found)
	return found
}

// Load reads the mapping of a name.
func Load(name string) (*mapping.Mapping, error) {
	f, err := files.Open(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("there is no mapping %s; there are %s", name, strings.Join(Names(), ", "))
	}
	defer func() { _ = f.Close() }()
	m, err := mapping.Load(f)
	if err != nil {
		return nil, fmt.Errorf("mapping %s:\n%w", name, err)
	}
	return m, nil
}
