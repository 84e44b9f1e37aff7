package product

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Option is what the variants of a product differ in, such as the colour, with
// its values in the order in which they are shown.
type Option struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

func (o Option) equal(p Option) bool { return o.Name == p.Name && slices.Equal(o.Values, p.Values) }

// checkOptions sees to it that each variant is one choice of every option, and
// no two are the same. Where the product states no options, those of its
// variants are free texts.
func (d Details) checkOptions(bad func(name, reason string)) {
	if len(d.Options) == 0 {
		return
	}
	values := map[string][]string{}
	for i, o := range d.Options {
		at := "/options/" + strconv.Itoa(i)
		if _, twice := values[o.Name]; twice {
			bad(at+"/name", "stands twice")
		}
		for j, v := range o.Values {
			if slices.Contains(o.Values[:j], v) {
				bad(at+"/values/"+strconv.Itoa(j), "stands twice")
			}
		}
		values[o.Name] = o.Values
	}
	chosen := map[string]bool{}
	for i, v := range d.Variants {
		at := "/variants/" + strconv.Itoa(i) + "/options"
		if !v.checkChoice(values, at, bad) {
			continue
		}
		choice := d.choice(v)
		if chosen[choice] {
			bad(at, "are the same as another variant's")
		}
		chosen[choice] = true
	}
}

// checkChoice says whether a variant states one value of each option.
func (v Variant) checkChoice(values map[string][]string, at string, bad func(name, reason string)) bool {
	good := true
	refuse := func(name, reason string) {
		bad(at+"/"+pointer(name), reason)
		good = false
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if value, ok := v.Options[name]; !ok {
			refuse(name, "is missing")
		} else if !slices.Contains(values[name], value) {
			refuse(name, "is not a value of this option")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Options)) {
		if _, ok := values[name]; !ok {
			refuse(name, "is not an option of the product")
		}
	}
	return good
}

// choice gives a variant's values in the order of the options, as one text.
func (d Details) choice(v Variant) string {
	var b strings.Builder
	for _, o := range d.Options {
		b.WriteString(strconv.Quote(v.Options[o.Name]))
	}
	return b.String()
}

// pointer escapes a name for a JSON pointer (RFC 6901).
func pointer(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }
