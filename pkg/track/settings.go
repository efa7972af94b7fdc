package track

import (
	"cmp"
	"slices"
	"time"
)

// settings are the params, tags and uses of a run or of one of its writers.
// What a writer said later counts, even if the clock was set back meanwhile.
type settings struct {
	params map[string]setting[any]
	tags   map[string]setting[string] // an empty value: the tag was removed
	uses   []Event                    // one per stage's run: a second use of what the run itself computed is no hit
}

type setting[V any] struct {
	at    time.Time
	value V
}

func (s *settings) apply(e Event) {
	switch e.Type {
	case EventParam:
		put(&s.params, e.Time, e.Params)
	case EventTag:
		put(&s.tags, e.Time, e.Tags)
	case EventUses:
		if e.Uses == nil {
			return
		}
		same := func(other Event) bool { return other.Uses.Run == e.Uses.Run }
		if i := slices.IndexFunc(s.uses, same); i < 0 {
			s.uses = append(s.uses, e)
		} else if e.Time.Before(s.uses[i].Time) {
			s.uses[i] = e
		}
	case EventState, EventDetach:
		for _, said := range e.Said {
			if said.Type != e.Type { // a damaged line may nest them
				s.apply(said)
			}
		}
	}
}

func put[V any](all *map[string]setting[V], at time.Time, values map[string]V) {
	if *all == nil {
		*all = map[string]setting[V]{}
	}
	for name, value := range values {
		(*all)[name] = setting[V]{at, value}
	}
}

// attach adds what an attached writer said. Such writers are at work beside
// the others, so of each value the latest counts, whoever wrote it.
func (s *settings) attach(other settings) {
	newer(&s.params, other.params)
	newer(&s.tags, other.tags)
	for _, e := range other.uses {
		s.apply(e)
	}
}

func newer[V any](into *map[string]setting[V], from map[string]setting[V]) {
	if *into == nil {
		*into = map[string]setting[V]{}
	}
	for name, value := range from {
		if old, ok := (*into)[name]; !ok || !old.at.After(value.at) {
			(*into)[name] = value
		}
	}
}

// events are the settings again, the fewest that say them all.
func (s *settings) events() []Event {
	var events []Event
	for name, p := range s.params {
		events = append(events, Event{Time: p.at, Type: EventParam, Params: Params{name: p.value}})
	}
	for name, t := range s.tags {
		events = append(events, Event{Time: t.at, Type: EventTag, Tags: map[string]string{name: t.value}})
	}
	events = append(events, s.uses...)
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Type, b.Type), cmp.Compare(a.name(), b.name()))
	})
	return events
}

// name orders settings of the same moment alike every time.
func (e Event) name() string {
	for name := range e.Params {
		return name
	}
	for name := range e.Tags {
		return name
	}
	return ""
}

// into completes what run.json said.
func (s *settings) into(r *Run) {
	for name, p := range s.params {
		r.Params[name] = p.value
	}
	for name, t := range s.tags {
		switch {
		case t.value == "":
			delete(r.Tags, name)
		case r.Tags == nil:
			r.Tags = map[string]string{name: t.value}
		default:
			r.Tags[name] = t.value
		}
	}
	slices.SortStableFunc(s.uses, func(a, b Event) int { return a.Time.Compare(b.Time) })
	for _, e := range s.uses {
		r.Uses = append(r.Uses, *e.Uses)
	}
}

// mergeLast keeps of two points of a metric the one of the later step.
func mergeLast(into, from map[string]Point) {
	for name, point := range from {
		if old, ok := into[name]; !ok || point.Step >= old.Step {
			into[name] = point
		}
	}
}
