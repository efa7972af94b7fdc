package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

func (l lab) table(run track.Run, name string) table.Table {
	l.t.Helper()
	t, err := table.ReadCSV(strings.NewReader(readArtifact(l.t, l.store(), run, name)))
	if err != nil {
		l.t.Fatal(err)
	}
	return t
}

func TestSweepWithAFailingMember(t *testing.T) {
	for name, flags := range map[string][]string{"processes": {"--jobs", "2"}, "in-process": {"--in-process"}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.write("fail", "0.2")
			code, stdout, stderr := l.run(append([]string{"sweep", toyID, "--set", "train.lr=0.1,0.2", "--set", "at=0,1;5", "--seeds", "2", "--name", "rates"}, flags...)...)
			if code != 1 || !strings.Contains(stderr, "4 of 8 members did not finish") || !strings.Contains(stderr, "the descent diverged") {
				t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
			}
			if !strings.Contains(stdout, "2/2") || !strings.Contains(stdout, "0/2") || !strings.Contains(stdout, " ± ") {
				t.Errorf("the table is\n%s", stdout)
			}
			sweeps := l.kind(track.KindSweep)
			if len(sweeps) != 1 || sweeps[0].State != track.Failed || sweeps[0].Name != "rates" {
				t.Fatalf("%+v", sweeps)
			}
			run := sweeps[0]
			members, err := l.store().Children(run.ID)
			if err != nil || len(members) != 8 {
				t.Fatalf("%d members, %v", len(members), err)
			}
			trained := l.trainings()
			if code, stdout, _ := l.run("follow", run.ID); code != 1 || !strings.Contains(stdout, " ± ") {
				t.Errorf("follow: %d\n%s", code, stdout)
			}

			l.remove("fail")
			stdout = l.ok("sweep", "--resume", run.ID)
			if strings.Contains(stdout, "0/2") {
				t.Errorf("after the resume\n%s", stdout)
			}
			if n := l.trainings() - trained; n != 2 { // the other failures share these models
				t.Errorf("trained %d times more, want the 2 that had failed", n)
			}
			if run = l.kind(track.KindSweep)[0]; run.State != track.Finished || run.Attempts != 2 {
				t.Errorf("%s after %d attempts", run.State, run.Attempts)
			}
			if rows := l.table(run, membersArtifact); rows.Len() != 8 {
				t.Errorf("%d rows of members", rows.Len())
			}
			settings := l.table(run, settingsArtifact)
			losses, err := settings.Floats("toy/train.loss")
			if err != nil || len(losses) != 4 {
				t.Fatalf("%v, %v: %v", losses, err, settings.Columns)
			}
			// Seeds 1 and 2 start at 1 and 2: the losses are f² and 4 f².
			factor := 1.0
			for range 10 {
				factor -= 0.1 * factor
			}
			deviations, err := settings.Floats("toy/train.loss_sd")
			wantMean, wantDeviation := 2.5*factor*factor, 3*factor*factor/1.4142135623730951
			if err != nil || relativeDifference(wantMean, losses[0]) > 1e-9 || relativeDifference(wantDeviation, deviations[0]) > 1e-9 {
				t.Errorf("%g ± %g, want %g ± %g (%v)", losses[0], deviations[0], wantMean, wantDeviation, err)
			}
			trained = l.trainings()
			l.ok("sweep", toyID, "--set", "train.lr=0.1", "--seeds", "2", "--in-process")
			if l.trainings() != trained {
				t.Error("another sweep trained what the store has")
			}
		})
	}
}

func TestSweepKilledAndResumed(t *testing.T) {
	l := newLab(t)
	process := l.command("sweep", toyID, "--set", "train.lr=0.1,0.2,0.3", "--set", "train.pause=20", "--set", "train.steps=20", "--seeds", "2", "--jobs", "2")
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	var run track.Run
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		finished, running := 0, 0
		if sweeps := l.kind(track.KindSweep); len(sweeps) == 1 {
			run = sweeps[0]
			children, _ := l.store().Children(run.ID)
			for _, child := range children {
				switch child.State {
				case track.Finished:
					finished++
				case track.Running:
					running++
				}
			}
		}
		if finished >= 2 && running > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no member finishes")
		}
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	run = l.await(run.ID, "crashed", func(r track.Run) bool { return r.State == track.Crashed })

	l.ok("sweep", "--resume", run.ID)
	members, err := l.store().Children(run.ID)
	if err != nil || len(members) != 6 {
		t.Fatalf("%d members, %v", len(members), err)
	}
	for _, m := range members {
		if m.State != track.Finished || m.Attempts != 1 { // those at work were waited for
			t.Errorf("member %s: %s after %d attempts", m.Tags["member"], m.State, m.Attempts)
		}
	}
	if l.trainings() != 6 {
		t.Errorf("trained %d times, want each member once", l.trainings())
	}
}

func TestDetachedSweepIsStoppedAndResumed(t *testing.T) {
	l := newLab(t)
	l.ok("sweep", toyID, "--set", "train.lr=0.1,0.2", "--set", "train.pause=20", "--set", "train.steps=30", "--detach")
	run := l.kind(track.KindSweep)[0]
	t.Cleanup(func() { l.run("stop", run.ID) })
	l.await(run.ID, "at work", func(track.Run) bool {
		children, err := l.store().Children(run.ID)
		return err == nil && len(children) > 0 && len(children[0].Uses) > 0
	})
	if out := l.ok("stop", run.ID); !strings.Contains(out, "interrupted") {
		t.Errorf("stop says %s", out)
	}
	children, err := l.store().Children(run.ID)
	if err != nil || len(children) != 1 || children[0].State != track.Interrupted {
		t.Fatalf("%+v, %v: want the member interrupted as well", children, err)
	}
	l.ok("sweep", "--resume", run.ID, "--detach")
	if out := l.ok("follow", run.ID); !strings.Contains(out, "1/1") {
		t.Errorf("follow prints %s", out)
	}
	children, err = l.store().Children(run.ID)
	if err != nil || len(children) != 2 || children[0].Attempts != 2 {
		t.Errorf("%d members (%v), the first after %d attempts", len(children), err, children[0].Attempts)
	}
}

func TestSweepDryRun(t *testing.T) {
	l := newLab(t)
	l.write("list.csv", "train.lr,at\n0.1,\"0,1\"\n0.2,5\n")
	out := l.ok("sweep", toyID, "--list", "list.csv", "--set", "train.steps=5,10", "--seeds", "2", "--dry-run")
	if !strings.Contains(out, "8 members") || !strings.Contains(out, "train.lr=0.1  at=0,1  train.steps=10  train.seed=2") {
		t.Errorf("%s", out)
	}
	if runs, err := l.store().Runs(); err != nil || len(runs) != 0 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

func TestSweepBadInput(t *testing.T) {
	l := newLab(t)
	for want, args := range map[string][]string{
		"did you mean":         {toyID, "--set", "train.lt=1,2"},
		"member 1 ":            {toyID, "--set", "train.steps=1,x"},
		"--random":             {toyID, "--set", "train.lr=uniform(0,1)"},
		"name the artifact":    {},
		"missing.csv":          {toyID, "--list", "missing.csv"},
		"at least 1":           {toyID, "--jobs", "0"},
		"one member at a time": {toyID, "--in-process", "--jobs", "2"},
		`no run "nope"`:        {"--resume", "nope"},
	} {
		code, stdout, stderr := l.run(append([]string{"sweep"}, args...)...)
		if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%v: %d, %q, %q", args, code, stdout, stderr)
		}
	}
	if runs, err := l.store().Runs(); err != nil || len(runs) != 0 {
		t.Errorf("bad input leaves %d runs, %v", len(runs), err)
	}
}
