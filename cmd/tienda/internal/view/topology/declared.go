// Package topology says who may use what, as the component and subscription files have
// it, and who does, as the sidecars count it.
package topology

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Component is a store, a topic's broker or a binding of the sidecars.
type Component struct {
	Name   string
	Type   string   // "state.sqlite"
	Scopes []string // the apps that have it; none: all
}

// Subscription says which apps hear a topic.
type Subscription struct {
	Component, Topic string
	Apps             []string
}

// Declared is what the files of a shop say.
type Declared struct {
	Components    []Component
	Subscriptions []Subscription
}

// document is a Component or a Subscription of Dapr; others are passed by.
type document struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Type   string
		PubSub string `yaml:"pubsubname"`
		Topic  string
	}
	Scopes []string
}

// Read reads the YAML files of folders.
func Read(dirs ...string) (Declared, error) {
	var all Declared
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.y*ml"))
		if err != nil {
			return all, fmt.Errorf("component files: %w", err)
		}
		for _, f := range files {
			if err := all.read(f); err != nil {
				return all, fmt.Errorf("component file %s: %w", f, err)
			}
		}
	}
	return all, nil
}

func (d *Declared) read(file string) error {
	raw, err := os.ReadFile(file) //nolint:gosec // of the folders that the run file names
	if err != nil {
		return err
	}
	for docs := yaml.NewDecoder(bytes.NewReader(raw)); ; {
		var doc document
		if err := docs.Decode(&doc); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch doc.Kind {
		case "Component":
			d.Components = append(d.Components, Component{doc.Metadata.Name, doc.Spec.Type, doc.Scopes})
		case "Subscription":
			s := Subscription{doc.Spec.PubSub, doc.Spec.Topic, doc.Scopes}
			if !slices.ContainsFunc(d.Subscriptions, func(o Subscription) bool { return o.Topic == s.Topic && slices.Equal(o.Apps, s.Apps) }) {
				d.Subscriptions = append(d.Subscriptions, s)
			}
		}
	}
}

// kindOf is what a component is drawn as; "": it is not.
func kindOf(c Component) string {
	what, _, _ := strings.Cut(c.Type, ".")
	switch what {
	case "state":
		return "store"
	case "bindings":
		return "binding"
	}
	return "" // of pub/sub the topics are drawn; secrets are read at the start only
}
