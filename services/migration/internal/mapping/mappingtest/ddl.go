package mappingtest

import (
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"tienda/services/migration/internal/source"
)

var (
	comment    = regexp.MustCompile(`--[^\n]*`)
	table      = regexp.MustCompile(`(?is)CREATE TABLE (\w+)\s*\((.*?)\n\);`)
	generated  = regexp.MustCompile(`(?i)GENERATED ALWAYS AS \(`)
	primaryKey = regexp.MustCompile(`(?i)PRIMARY KEY\s*\(([^)]*)\)`)
	references = regexp.MustCompile(`(?i)REFERENCES (\w+)`)
	typeOf     = regexp.MustCompile(`(?i)^(double precision|timestamptz|timestamp(\s+with(out)? time zone)?|\w+)(\s*\([0-9, ]+\))?`)
)

// Parse reads the CREATE TABLE statements of an SQL text, one column a line.
func Parse(sql string) (source.Schema, error) {
	schema := source.Schema{}
	for _, m := range table.FindAllStringSubmatch(comment.ReplaceAllString(sql, ""), -1) {
		var t source.Table
		for line := range strings.SplitSeq(m[2], "\n") {
			if line = strings.TrimSuffix(strings.TrimSpace(line), ","); line != "" {
				column(&t, line)
			}
		}
		schema[m[1]] = t
	}
	for name, t := range schema {
		for i, link := range t.Links {
			t.Links[i].At = schema[link.To].Key
		}
		schema[name] = t
	}
	if len(schema) == 0 {
		return nil, fmt.Errorf("no table in the text")
	}
	return schema, nil
}

func column(t *source.Table, line string) {
	first, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToUpper(first) {
	case "PRIMARY", "CONSTRAINT", "UNIQUE", "FOREIGN", "CHECK":
		if m := primaryKey.FindStringSubmatch(line); m != nil {
			for name := range strings.SplitSeq(m[1], ",") {
				t.Key = append(t.Key, strings.TrimSpace(name))
			}
		}
		return
	}
	kind := strings.TrimSpace(typeOf.FindString(rest))
	upper := strings.ToUpper(rest)
	if kind == "timestamptz" {
		kind = "timestamp with time zone"
	}
	t.Columns = append(t.Columns, source.Column{
		Name: first, Type: kind, Generated: generated.MatchString(rest),
		NotNull: strings.Contains(upper, "NOT NULL") || strings.Contains(upper, "PRIMARY KEY"),
	})
	if m := references.FindStringSubmatch(rest); m != nil {
		t.Links = append(t.Links, source.Link{Columns: []string{first}, To: m[1]})
	}
	if strings.Contains(upper, "PRIMARY KEY") {
		t.Key = []string{first}
	}
}

// Load makes a database of the text of its tables and of rows in YAML: for each
// table a list of rows, each a mapping of columns to what PostgreSQL writes for their
// values. A column that a row leaves out is null.
func Load(sql, rows string) (*Data, error) {
	schema, err := Parse(sql)
	if err != nil {
		return nil, err
	}
	var tables map[string][]map[string]*string
	if err := yaml.Unmarshal([]byte(rows), &tables); err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	d := &Data{Schema: schema, Rows: map[string][]source.Row{}}
	for name, given := range tables {
		if _, ok := schema[name]; !ok {
			return nil, fmt.Errorf("rows of %s, which is no table", name)
		}
		for _, values := range given {
			row, err := Row(schema[name], values)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			d.Rows[name] = append(d.Rows[name], row)
		}
	}
	return d, nil
}

// Row makes a row of a table from what PostgreSQL writes for its values.
func Row(t source.Table, values map[string]*string) (source.Row, error) {
	row := source.Row{}
	for _, c := range t.Columns {
		v, ok := values[c.Name]
		if !ok || v == nil {
			row[c.Name] = nil
			continue
		}
		made, err := Value(c.Type, *v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		row[c.Name] = made
	}
	for name := range values {
		if _, ok := row[name]; !ok {
			return nil, fmt.Errorf("there is no column %s", name)
		}
	}
	return row, nil
}
