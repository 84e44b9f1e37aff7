package route

import (
	"fmt"
	"strings"
)

// movingFaults says what is wrong with what a line says of a monolith that is moved in.
func (l line) movingFaults() (faults []string) {
	switch {
	case l.Legacy && (l.Stays || l.Upstream != ""):
		faults = append(faults, "legacy: neither stays nor upstream can stand beside it")
	case l.Legacy && l.App == Own:
		faults = append(faults, "legacy: the gateway answers this itself")
	case l.Legacy && l.Cache != "":
		faults = append(faults, "cache: what the monolith answers is not shared")
	case !l.Legacy && len(l.With) > 0:
		faults = append(faults, "with: only beside legacy")
	}
	if l.Service != "" && !appID.MatchString(l.Service) {
		faults = append(faults, fmt.Sprintf("service: %q is not the name of one", l.Service))
	}
	for _, service := range l.With {
		if !appID.MatchString(service) {
			faults = append(faults, fmt.Sprintf("with: %q is not the name of a service", service))
		}
	}
	for _, pointer := range l.Ignore {
		if !strings.HasPrefix(pointer, "/") {
			faults = append(faults, fmt.Sprintf("shadow_ignore: %q is not a JSON pointer", pointer))
		}
	}
	return faults
}

// towards gives each route its twin at the monolith, whose answers are not shared: it
// says itself what may be kept.
func (t *Table) towards(monolith *Upstream) {
	for _, r := range t.routes {
		if r.Stays || r.Upstream != nil || r.App == Own {
			continue
		}
		twin := *r
		twin.Upstream, twin.Cache = monolith, 0
		r.Monolith = &twin
	}
}
