// Goroutines that call while the runtime preempts them by SIGURG and SIGALRM comes each millisecond.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const callers = 8
const calls = 1500

func main() {
	var allowed, denied, others, stop int64
	var done, spun sync.WaitGroup
	signals := make(chan os.Signal, 1)
	timer := [4]int64{0, 1000, 0, 1000}
	signal.Notify(signals, syscall.SIGALRM)
	syscall.RawSyscall(syscall.SYS_SETITIMER, 0, uintptr(unsafe.Pointer(&timer)), 0)
	runtime.GOMAXPROCS(4)
	for i := 0; i < 4; i++ { // never yields by itself: preempted by signals
		spun.Add(1)
		go func() {
			for atomic.LoadInt64(&stop) == 0 {
			}
			spun.Done()
		}()
	}
	for i := 0; i < callers; i++ {
		done.Add(1)
		go func(first int) {
			for n := first * calls; n < (first+1)*calls; n++ {
				_, _, errno := syscall.Syscall(syscall.SYS_PERSONALITY, 0xffffffff, uintptr(n), 0)
				switch errno {
				case 0:
					atomic.AddInt64(&allowed, 1)
				case syscall.EPERM:
					atomic.AddInt64(&denied, 1)
				default:
					atomic.AddInt64(&others, 1)
				}
			}
			done.Done()
		}(i)
	}
	done.Wait()
	atomic.StoreInt64(&stop, 1)
	spun.Wait()
	<-signals
	fmt.Println(allowed, denied, others)
}
