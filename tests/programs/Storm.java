import java.io.File;
import java.util.concurrent.atomic.AtomicInteger;
import sun.misc.Signal;

/** Threads that make directories while the program has a signal of its own all the time, and collects garbage. */
public class Storm {
    static final int THREADS = 4;
    static final int CALLS = 500;
    static volatile boolean over;
    static final AtomicInteger handled = new AtomicInteger();
    static final AtomicInteger made = new AtomicInteger();

    static void call(String place, int first) {
        for (int n = first * CALLS; n < (first + 1) * CALLS; n++) {
            if (new File(place, "d" + n).mkdir()) made.incrementAndGet();
            byte[] garbage = new byte[100000];
            garbage[n % garbage.length] = 1;
        }
    }

    public static void main(String[] arguments) throws Exception {
        Signal.handle(new Signal("USR2"), signal -> handled.incrementAndGet());
        Thread storm = new Thread(() -> {
            while (!over) {
                Signal.raise(new Signal("USR2"));
                try { Thread.sleep(1); } catch (InterruptedException e) { return; }
            }
        });
        storm.start();
        Thread[] threads = new Thread[THREADS];
        for (int i = 0; i < THREADS; i++) {
            final int first = i;
            threads[i] = new Thread(() -> call(arguments[0], first));
            threads[i].start();
        }
        for (Thread thread : threads) thread.join();
        over = true;
        storm.join();
        System.out.println(made.get() + " " + (handled.get() > 10));
    }
}
