package mapping

import (
	"errors"
	"time"

	"gopkg.in/yaml.v3"
)

// moment is how a time is read.
type moment struct {
	at     use
	zone   *time.Location // nil: the value is a point in time itself
	layout string         // of a text, as package time writes it; "": RFC 3339
	unix   string         // "s" or "ms": a number since 1970
}

// timeOp makes a time in UTC, in RFC 3339.
func (p *parser) timeOp(at *child, n *yaml.Node) *op {
	var m moment
	zone := p.defaults.zone
	var column *yaml.Node
	if n.Kind == yaml.ScalarNode {
		column = n
	} else if o, ok := p.object(n, "time"); ok {
		column = o.take("column")
		if z := o.text("zone"); z != "" {
			zone = z
		}
		m.layout, m.unix = o.text("layout"), o.oneOf("unix", "", "s", "ms")
		if o.flag("instant") {
			zone = ""
		}
		o.done("time")
	}
	if column == nil {
		p.add(n.Line, "time: column is missing")
		return &op{}
	}
	as := asTime
	if m.unix != "" {
		as = asUnix
	}
	m.at = p.column(at, column, as)
	if m.unix == "" && zone != "" {
		m.zone = p.location(n.Line, zone)
		m.at.zone = true
	}
	return &op{uses: []use{m.at}, eval: m.eval}
}

func (m moment) eval(s *scope) (any, error) {
	v, err := m.at.value(s)
	if err != nil || v == nil {
		return nil, err
	}
	t, err := m.read(v)
	if err != nil {
		return nil, m.at.bad("%s", err)
	}
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return nil, m.at.bad("is a time that RFC 3339 has no place for")
	}
	return t.Format(time.RFC3339Nano), nil
}

func (m moment) read(v any) (time.Time, error) {
	if m.unix != "" {
		n, err := whole(v)
		i, ok := n.(int64)
		if err != nil || !ok {
			return time.Time{}, errors.New("is not a whole number of seconds or milliseconds")
		}
		if m.unix == "ms" {
			return time.UnixMilli(i), nil
		}
		return time.Unix(i, 0), nil
	}
	switch v := v.(type) {
	case time.Time:
		if m.zone == nil {
			return v, nil
		}
		return onTheWall(v.UTC(), m.zone), nil
	case string:
		layout, zone := m.layout, m.zone
		if layout == "" {
			layout = time.RFC3339
		}
		if zone == nil {
			zone = time.UTC
		}
		t, err := time.ParseInLocation(layout, v, zone)
		if err != nil {
			return time.Time{}, errors.New("is not a time of the layout " + layout)
		}
		return t, nil
	}
	return time.Time{}, errors.New("is not a time")
}

// onTheWall gives the point in time at which a clock in the zone shows what v shows in
// UTC. What it shows twice, when the clocks go back, is the second time; what it skips,
// when they go forward, is counted on from before: as PostgreSQL has it with AT TIME ZONE.
// Package time leaves both open.
func onTheWall(v time.Time, zone *time.Location) time.Time {
	const day = 24 * time.Hour // no offset from UTC is as large
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	before, after := offset(v.Add(-day)), offset(v.Add(day))
	if late := v.Add(-after); offset(late) == after {
		return late.In(zone)
	}
	return v.Add(-before).In(zone)
}
