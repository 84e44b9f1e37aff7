package main

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// load reads a contract.
func load(file string) (*yaml.Node, error) {
	raw, err := os.ReadFile(file) //nolint:gosec // a file of this repository
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s is no contract", file)
	}
	return doc.Content[0], nil
}

// parse reads YAML that stands in this program.
func parse(s string) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(s), &doc); err != nil {
		panic(err)
	}
	return doc.Content[0]
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func sequence() *yaml.Node { return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"} }

// pairs walks the keys and values of a mapping.
func pairs(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

// get gives the value of a key, nil where there is none.
func get(n *yaml.Node, key string) *yaml.Node {
	for k, v := range pairs(n) {
		if k == key {
			return v
		}
	}
	return nil
}

// set puts a value at the end of a mapping.
func set(n *yaml.Node, key string, v *yaml.Node) {
	k := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}
	if strings.Trim(key, "0123456789") == "" {
		k.Style = yaml.SingleQuotedStyle // a status is a string
	}
	n.Content = append(n.Content, k, v)
}

// put replaces the value of a key, or sets it.
func put(n *yaml.Node, key string, v *yaml.Node) {
	if old := get(n, key); old != nil {
		*old = *v
		return
	}
	set(n, key, v)
}

// child gives the value of a key, made if there is none.
func child(n *yaml.Node, key string, made func() *yaml.Node) *yaml.Node {
	if get(n, key) == nil {
		set(n, key, made())
	}
	return get(n, key)
}

// sortKeys orders a mapping by its keys.
func sortKeys(n *yaml.Node) {
	type pair struct{ k, v *yaml.Node }
	var all []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		all = append(all, pair{n.Content[i], n.Content[i+1]})
	}
	slices.SortStableFunc(all, func(a, b pair) int { return strings.Compare(a.k.Value, b.k.Value) })
	n.Content = n.Content[:0]
	for _, p := range all {
		n.Content = append(n.Content, p.k, p.v)
	}
}

// clone copies a node without its comments.
func clone(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	c := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value}
	for _, e := range n.Content {
		c.Content = append(c.Content, clone(e))
	}
	return c
}

// refs walks the values of all "$ref" below a node.
func refs(n *yaml.Node) iter.Seq[*yaml.Node] {
	return func(yield func(*yaml.Node) bool) { walk(n, yield) }
}

func walk(n *yaml.Node, yield func(*yaml.Node) bool) bool {
	if n == nil {
		return true
	}
	if n.Kind == yaml.MappingNode {
		for key, v := range pairs(n) {
			if key == "$ref" && v.Kind == yaml.ScalarNode {
				if !yield(v) {
					return false
				}
			} else if !walk(v, yield) {
				return false
			}
		}
		return true
	}
	for _, e := range n.Content {
		if !walk(e, yield) {
			return false
		}
	}
	return true
}
