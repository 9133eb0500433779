"""many_requests.py COUNT ADDRESS: so many HTTP connections, all open before the first is asked for anything; then one
request on each. ADDRESS: a Unix socket's path, or HOST:PORT. Says how many answers of what kind there were."""
import asyncio
import collections
import sys


async def open_one(address):
    if "/" in address:
        return await asyncio.open_unix_connection(address)
    host, port = address.split(":")
    return await asyncio.open_connection(host, int(port))


async def ask(connection):
    reader, writer = connection
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer.split(b"\r\n", 1)[0].decode(), answer.rsplit(b"\r\n", 1)[-1].decode().strip()


async def main(count, address):
    connections = []
    for _ in range(count):
        connections.append(await open_one(address))
    answers = await asyncio.gather(*map(ask, connections))
    for answer, times in sorted(collections.Counter(answers).items()):
        print(times, *answer)


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
