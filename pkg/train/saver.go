package train

// saver writes checkpoints beside the training, one at a time: at a large
// network's size the disk would keep the engine waiting.
type saver struct {
	path   string
	net    Network
	before func(step int) // see Options.Saving

	good    int        // step of the last checkpoint that is whole on disk
	step    int        // that is being written
	writing chan error // nil while none is
}

// begin copies the state and writes it in the background, after what is being written.
func (s *saver) begin(state *state) error {
	if err := s.wait(); err != nil {
		return err
	}
	if s.path == "" || state.step == s.good {
		return nil
	}
	values, err := state.values()
	if err != nil {
		return err
	}
	step, done := state.step, make(chan error, 1)
	s.step, s.writing = step, done
	go func() {
		if s.before != nil {
			s.before(step)
		}
		done <- writeCheckpoint(s.path, s.net, step, values)
	}()
	return nil
}

// wait returns when nothing is being written.
func (s *saver) wait() error {
	if s.writing == nil {
		return nil
	}
	return s.settle(<-s.writing)
}

// check is wait without waiting.
func (s *saver) check() error {
	select {
	case err := <-s.writing: // never, while it is nil
		return s.settle(err)
	default:
		return nil
	}
}

func (s *saver) settle(err error) error {
	s.writing = nil
	if err == nil {
		s.good = s.step
	}
	return err
}

// finish saves the state and waits for it.
func (s *saver) finish(state *state) error {
	if err := s.begin(state); err != nil {
		return err
	}
	return s.wait()
}
