"""One right solution for each shipped problem, so that a wrong test among them is found."""


def merge(spans):
    found = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1][1] = max(end, found[-1][1])
        else:
            found.append([start, end])
    return found


def longest_balanced(text):
    open_at, best = [-1], 0
    for place, bracket in enumerate(text):
        if bracket == "(":
            open_at.append(place)
            continue
        open_at.pop()
        if open_at:
            best = max(best, place - open_at[-1])
        else:
            open_at.append(place)
    return best


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


def least_window(text, wanted):
    best = ""
    for start in range(len(text)):
        for end in range(start + len(wanted), len(text) + 1):
            if best and end - start >= len(best):
                break
            part = text[start:end]
            if all(part.count(letter) >= wanted.count(letter) for letter in wanted):
                best = part
                break
    return best


def islands(grid):
    land = {(y, x) for y, line in enumerate(grid) for x, cell in enumerate(line) if cell == "#"}
    count = 0
    while land:
        count += 1
        edge = [land.pop()]
        while edge:
            y, x = edge.pop()
            for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if near in land:
                    land.remove(near)
                    edge.append(near)
    return count


def fewest_coins(coins, amount):
    least = [0] + [amount + 1] * amount
    for total in range(1, amount + 1):
        for coin in coins:
            if coin <= total:
                least[total] = min(least[total], least[total - coin] + 1)
    return least[amount] if least[amount] <= amount else -1
