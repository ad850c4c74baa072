# Everything a person reads on the pages. Names are never declined; «вы» in lower case; no full stop after labels.

# Frame
skip = К содержимому
logo = chater, к списку чатов
menu = Меню
menu-group = Создать группу
menu-out = Выход
node = Узел
links = { $n ->
    [one] { $n } соединение
    [few] { $n } соединения
   *[many] { $n } соединений
}
connecting = соединяемся…
alone = один
close = Закрыть
cancel = Отмена
save = Сохранить
to-chats = К списку чатов
language-other = English

# Login and registration
login = Логин
login-do = Войти
login-alt = Ещё нет аккаунта?
login-alt-do = Зарегистрироваться
login-bad = Ник или пароль не подходят. Проверьте раскладку.
login-slow = Слишком много попыток. Подождите { $n } с.
nick = Ник
password = Пароль
register = Регистрация
register-do = Создать аккаунт
register-alt = Уже есть аккаунт?
register-owner = Вы первый на этом узле и станете его владельцем: сможете приглашать людей и управлять соединениями.
register-nick = От 2 до 32 знаков: буквы одного алфавита, цифры, точка, дефис, подчёркивание. Ник нельзя сменить.
register-taken = Этот ник занят на узле { $a }
register-pw = Не короче 10 знаков. Можно фразу с пробелами.
register-closed = Регистрация на этом узле закрыта. Обратитесь к его владельцу.
register-code-needed = Нужен код
register-code-bad = Код не подходит или уже использован
setup-code = Код установки
setup-code-hint = Узел напечатал его при запуске
invite-code = Код приглашения
invite-code-hint = Его даёт владелец узла

# List
chats = Чаты
list-search = Найти человека или чат
list-filters = Какие чаты показать
filter-all = Все
filter-unread = Новые
filter-groups = Группы
filter-archive = Архив
filter-none = Здесь ничего нет
more = Показать ещё
empty-title = Пока пусто
empty-text = Найдите первого собеседника или пригласите его по ссылке.
pick-title = Выберите чат
pick-text = Или найдите человека на этом узле и на соседних. Сообщения хранятся у вас, а не в чужом облаке.
find = Найти человека
invite = Пригласить
key-quick = быстрый переход
key-help = клавиши
card-new = Сообщений пока нет
draft = Черновик:
deleted = Сообщение удалено
pinned = закреплён
muted = без звука
unread = { $n ->
    [one] { $n } непрочитанное
    [few] { $n } непрочитанных
   *[many] { $n } непрочитанных
}
members = { $n ->
    [one] { $n } участник
    [few] { $n } участника
   *[many] { $n } участников
}
mentioned = вас упомянули
card-menu = Действия с чатом: { $a }
menu-read = Прочитано
menu-unread = Непрочитано
menu-pin = Закрепить
menu-unpin = Открепить
menu-mute-1h = Без звука 1 час
menu-mute-8h = Без звука 8 часов
menu-mute-ever = Без звука навсегда
menu-unmute = Включить звук
menu-archive = В архив
menu-unarchive = Вернуть из архива
requests-wait = Ждут вашего ответа
requests = Запросы
request = Запрос на переписку
request-accept = Принять
request-decline = Отклонить
request-block = Заблокировать

# Conversation
back = К списку чатов
log-label = Сообщения: { $a }
earlier = Раньше
later = Позже
chat-new = Новые сообщения
chat-bottom = К последним сообщениям
chat-blank = Здесь пока нет сообщений. Напишите первое.
chat-input = Сообщение
chat-send = Отправить
mark-read = Отметить прочитанным
edited = изм.
late = пришло позже
message-locked = Это сообщение пока нечем открыть: ждём ключ
reply = Ответить
reply-cancel = Не отвечать
presence-here = в сети
presence-gone = не в сети
presence-linked = узел в сети
presence-away = узел не в сети
presence-seen = был
node-away = Узел { $a } не в сети. Доставим, когда появится.
waits-since = Ждёт с
missing = { $n ->
    [one] Не хватает { $n } сообщения
    [few] Не хватает { $n } сообщений
   *[many] Не хватает { $n } сообщений
}
asking = { $n ->
    [one] спрашиваем { $n } узел
    [few] спрашиваем { $n } узла
   *[many] спрашиваем { $n } узлов
}
closed-declined = Запрос на переписку отклонён
closed-blocked = Этот человек заблокирован
closed-left = Вы не в этой группе
path = Путь сообщения
path-sent = Отправлено
path-here = Ваш узел { $a } сохранил
path-there = Узел { $a } получил
path-read = Прочитано: { $a }
path-read-any = Прочитано
path-next = следующая попытка:
path-waits = ждём
path-back = К сообщению
you = вы
you-name = Вы
message-actions = Действия с сообщением
more-actions = Ещё действия
react = Реакция
react-other = Другой эмодзи
react-do = Поставить
copy = Копировать
edit = Изменить
edit-text = Текст сообщения
editing = Изменение
forward = Переслать
forward-to = Кому переслать
delete = Удалить
delete-ask = Удалить сообщение?
delete-me = Удалить у себя
delete-all = Удалить у всех
delete-all-hint = Другие узлы получат просьбу удалить. Проверить это нельзя.
emoji = Эмодзи
to-chat = К чату
chat-menu = Действия с чатом
chat-search = Поиск в чате
chat-search-in = Поиск в чате: { $a }
chat-search-more = Искать дальше
find-older = Раньше найденное
find-newer = Позже найденное
chat-delete = Удалить чат у себя
chat-delete-ask = Удалить чат «{ $a }» у себя?
chat-delete-hint = Сообщения исчезнут только у вас. Новое сообщение вернёт чат в список, уже без старых.

# Details of a chat
info = Сведения
safety = Код безопасности
safety-hint = Сравните эти цифры с теми, что видит собеседник: при встрече или по телефону. Если они совпали, вы пишете именно друг другу. Узлы, на которых живут ваши аккаунты, этим не проверяются.
safety-node = Отпечаток узла { $a }
unblock = Разблокировать
forward-filter = Имя или адрес

# Search and start
search = Поиск
search-title = Поиск: { $a }
search-label = Ник, имя или адрес
search-recent = Недавние чаты
search-has-chat = есть чат
search-nodes = Ход поиска по узлам
search-ms = { $a } мс
search-waits = ждём…
search-away = не в сети
search-here = На этом узле
search-there = На других узлах
search-none = Никого не нашли. Проверьте адрес или пригласите человека по ссылке.
search-hint = Наберите хотя бы две буквы имени или весь адрес: ник@узел
search-again = Ещё раз
search-back = К поиску
search-ambiguous = Узлов с таким именем несколько. Кого вы имели в виду?
search-unknown-node = Узел { $a } здесь не знаком.
search-link-node = Связать узел
start-title = Новый чат
start-ask = Начать чат с пользователем { $a }?
start-here = Этот человек на вашем узле.
start-remote = Этот человек на другом узле. Узел { $a } увидит ваш адрес и сообщения этого чата.
start-do = Начать чат
start-self = Чат с самим собой начать нельзя

# Settings
settings = Настройки
settings-parts = Разделы настроек
settings-profile = Профиль
settings-look = Вид и язык
settings-node = Мой узел
profile-name = Имя
profile-address = Адрес
profile-about = О себе
copy-address = Скопировать адрес
copy-id = Скопировать номер узла
copy-command = Скопировать команду
theme = Тема
theme-hint = «Как в системе» следует за устройством
theme-system = Как в системе
theme-light = Светлая
theme-dark = Тёмная
language = Язык
language-ru = Русский
language-en = English

# Settings: sections
settings-notify = Уведомления
settings-privacy = Приватность
settings-sessions = Сеансы
text-size = Размер текста
enter-sends = Enter отправляет сообщение
enter-sends-hint = Иначе Ctrl Enter, а Enter начинает новую строку
up-edits = ↑ изменяет последнее
up-edits-hint = Стрелка вверх в пустом поле открывает ваше последнее сообщение
privacy-read = Отметки о прочтении
privacy-read-hint = Если выключить, вы тоже не увидите, что прочитали другие
privacy-typing = Кто печатает
privacy-typing-hint = Если выключить, вы тоже не увидите, что вам печатают
privacy-presence = Кто в сети
privacy-presence-hint = Если выключить, люди вашего узла не увидят, открыт ли у вас чат, а вы не увидите, кто в сети. О людях других узлов известно лишь то, в сети ли их узел. Что в сети ваш узел, соседи видят всегда.
privacy-first = Кто может написать первым
privacy-first-hint = Остальные попадают в запросы: вы решите, отвечать ли
privacy-first-all = Все
privacy-first-known = Знакомые узлы
privacy-first-none = Никто
notify-browser = Уведомления браузера
notify-noscript = Им нужны скрипты: включите их в браузере
notify-on = Включить
notify-off = Выключить
notify-try = Проверить
notify-sound = Звук
notify-preview = Показывать текст сообщения
session-this = Этот сеанс
session-seen = Последний раз
session-end = Завершить
session-end-named = Завершить сеанс: { $a }
session-end-others = Завершить остальные
session-browser = { $a }, { $b }
session-program = Программа с токеном
session-unknown = Неизвестное устройство
password-change = Сменить пароль
password-old = Нынешний пароль
password-new = Новый пароль
password-do = Сменить пароль
password-ends = Остальные сеансы завершатся.
password-locked = Пароль сменён. Ключ аккаунта остался под прежним паролем: его вернут только 24 слова.
words = Слова восстановления
words-why = 24 слова возвращают аккаунт, если пароль забыт. Запишите их на бумаге и храните отдельно.
words-show = Показать слова
words-alone = Проверьте, что никто не смотрит на экран
words-write = Запишите слова по порядку. Эта страница их не сохраняет.
words-secret = У кого есть эти слова, у того и ваш аккаунт. Никому их не показывайте.
words-done = Слова записаны
home-stopped = Данные узла старше ваших сообщений: похоже, их восстановили из копии.
home-renew = Снова начать писать
home-why = Данные этого узла старше того, что вы уже отправили: похоже, их восстановили из копии. Чтобы ничего не перепуталось, узел перестал отправлять ваши сообщения. Введите пароль: узел откроет для вас новый дом, а пропавшее вернётся с узлов собеседников.
home-do = Продолжить
recover = Восстановление
recover-hint = 24 английских слова по порядку, через пробел
recover-do = Войти с новым паролем
recover-back = Вернуться ко входу
login-words = Забыли пароль? Есть 24 слова
reset-gone = Эта ссылка уже не действует. Попросите владельца узла о новой.
reset-make = Новый пароль
reset-make-named = Новый пароль, ссылка: { $a }
reset-made = Ссылка для нового пароля: { $a }
reset-made-hint = Передайте её этому человеку. Она действует сутки и только один раз.
invite-person = Пригласить человека
invite-made = Приглашение
invite-made-hint = По ней может зарегистрироваться один человек, в течение 7 дней.
copy-link = Скопировать ссылку
node-name = Название узла
node-name-hint = Стоит в адресах после @. Адреса ваших людей изменятся сразу.
node-fixed = Задано при запуске узла, здесь не меняется
node-registration = Кто может зарегистрироваться
node-registration-hint = Приглашения даёт владелец узла
registration-open = Все, кто видит узел
registration-invite = По приглашению
registration-closed = Никто
node-people = Люди узла
node-owner = владелец
node-closed = закрыт
node-close = Закрыть
node-close-named = Закрыть аккаунт: { $a }
node-open = Открыть
node-open-named = Открыть аккаунт: { $a }
storage = Место на диске
storage-kind = Что
storage-size = Сколько
storage-messages = Люди, чаты и сообщения
storage-pictures = Фото профилей
storage-backup = Копию делает команда
size-kb = { $a } КБ
size-mb = { $a } МБ
size-gb = { $a } ГБ
js-saved = Сохранено
js-not-saved = Не сохранено. Проверьте связь с узлом и попробуйте ещё раз.
js-notify-ready = Выключены. Браузер спросит разрешение после нажатия.
js-notify-works = Включены в этом браузере
js-notify-denied = Запрещены браузером. Разрешите их в настройках сайта рядом с адресом.
js-notify-insecure = Браузер разрешает уведомления только по HTTPS или на этом компьютере.
notify-https = Как включить HTTPS
notify-https-else = А здесь о новых сообщениях говорят число в заголовке, точка на значке вкладки, строка внизу страницы и звук, если он включён.
js-ask = Показывать уведомления о новых сообщениях?
js-ask-yes = Включить
js-ask-no = Не сейчас
js-open = Открыть
js-notify-new = Новое сообщение
js-notify-test = Так выглядит уведомление
photo-choose = Загрузить фото
photo-send = Отправить
photo-remove = Убрать
photo-hint = PNG, JPEG или WebP до 5 МБ. Обрежем по квадрату, данные о месте съёмки уберём.
crop-title = Какую часть показать
crop-move = Фото. Двигайте его мышью или стрелками.
crop-zoom = Увеличение
crop-use = Поставить
js-photo-large = Фото больше 5 МБ или слишком велико по размерам

# First run
welcome = Добро пожаловать
welcome-step = Шаг { $a } из 3
welcome-person = Как вас узнают
welcome-name = Ваш адрес для других: { $a }
welcome-node = Ваш узел
welcome-invite = Позовите людей
welcome-link = По ссылке на этом узле зарегистрируется один человек. У него будет свой ник и пароль.
welcome-make = Создать ссылку
welcome-only-here = Сейчас страницы видны только с этого компьютера: для других адрес узла нужно открыть в его настройках.
welcome-nodes = Найденные узлы
welcome-next = Дальше
welcome-skip = Пропустить
welcome-done = К списку чатов

# Network
network = Сеть
network-summary = { $nodes }, { $people }
network-nodes = { $n ->
    [one] { $n } узел в сети
    [few] { $n } узла в сети
   *[many] { $n } узлов в сети
}
people = { $n ->
    [one] { $n } человек рядом
    [few] { $n } человека рядом
   *[many] { $n } человек рядом
}
network-add = Добавить узел
network-peers = Узлы
network-none = Других узлов пока не видно. Запустите Chater на соседнем компьютере или добавьте адрес.
network-dialling = Набираем адреса
network-last-error = Не отвечает:
network-forget = Забыть
network-address = Адрес узла
network-address-hint = Его показывает страница «Сеть» другого узла
network-link = Связать
network-own = Ваш узел { $a }
network-fp = Отпечаток
network-id = Номер узла
network-addresses = Адреса
network-no-address = Адресов пока нет
network-version = Chater { $a }
network-invite = Как пригласить второй узел
network-invite-lan = В одной локальной сети узлы находят друг друга сами: запустите Chater на другом компьютере.
network-invite-far = Если он не нашёлся или далеко, передайте адрес: его вставляют на странице «Сеть» или в команду запуска.
net-fp = Сверьте отпечаток с владельцем узла, прежде чем связать.
col-link = Связь
col-found = Найден
col-people = Люди
col-waiting = Ждут
col-reply = Отклик
milliseconds = { $n } мс
link-connected = в сети
link-connecting = соединяемся
link-away = не в сети
found-lan = в локальной сети
found-manual = по адресу
found-gossip = через другие узлы

# Other pages
group-later = Группы появятся в одной из следующих версий. Пока можно переписываться вдвоём.
keys = Клавиши
keys-press = Клавиши
keys-does = Что делают
keys-search = быстрый переход и поиск
keys-list = этот список
keys-send = отправить сообщение
keys-line = новая строка
keys-edit = изменить последнее своё сообщение, если поле пустое
keys-find = поиск в чате
keys-message = с сообщением, выбранным стрелками: ответить, изменить, удалить, реакция, все действия
keys-chats = предыдущий и следующий чат
keys-unread = Следующий чат с новыми сообщениями
keys-reply = выбрать сообщение для ответа
keys-esc = закрыть окно или отменить ответ
keys-end = к последним сообщениям

# Errors
offline-title = Узел не отвечает
offline-text = Сообщения, которые ещё не ушли, сохранены в этом браузере. Страница откроется сама, когда узел ответит.
manifest-about = Переписка на своём узле
full = На узле кончилось место. Читать можно, новые сообщения пока не принимаются.
full-owner = Посмотреть, что занимает место
error-status = Ошибка { $a }
error-403 = Сюда вам нельзя
error-404 = Такого чата нет или у вас нет доступа
error-404-page = Такой страницы нет
error-413 = Это слишком много для одного раза
error-429 = Слишком часто. Подождите немного.
error-429-wait = Слишком часто. Подождите { $n } с.
error-500 = Что-то сломалось на узле. Код { $a }
error-501 = Этого здесь ещё нет
error-busy = Узел занят. Попробуйте ещё раз.
error-storage = На диске узла нет места
error-storage-failed = Диск узла сейчас не работает
error-form = Страница устарела. Вернитесь, обновите её и попробуйте ещё раз.
error-host = По этому имени узел не отвечает
error-empty = Здесь нужно что-нибудь написать
error-short = Слишком коротко
error-long = Слишком длинно
error-control = Здесь есть знаки, которых нельзя увидеть
error-characters = Здесь есть знаки, которые нельзя использовать
error-mixed = Буквы должны быть одного алфавита
error-reserved = Это имя занято программой
error-malformed = Так не получится. Проверьте, как это записано.
error-nick-short = Ник: от 2 до 32 знаков
error-nick-long = Ник: от 2 до 32 знаков
error-password-short = Пароль: не короче 10 знаков
error-password-long = Пароль слишком длинный
error-text-long = Сообщение: не длиннее 8000 знаков
error-address-malformed = Это не похоже на адрес узла. Пример: /ip4/192.168.1.24/tcp/5001

# How to put HTTPS in front
https-why = Уведомления, установку на экран и копирование одной кнопкой браузер разрешает только страницам по HTTPS и страницам этого же компьютера. Открытый по сети HTTP может прочесть и подменить каждый, кто в ней есть.
https-needs = Сам узел HTTPS не делает: перед ним ставят прокси. Ниже два готовых примера.
https-proxy = 1. Прокси
https-proxy-how = Имя из интернета указывает на ваш адрес, порты 80 и 443 открыты. Сертификат Caddy получит и обновит сам. Файл Caddyfile:
https-lan = Только в локальной сети: Caddy выпустит свой сертификат. Его корень (команда caddy trust) нужно один раз установить на каждом устройстве.
https-nginx = То же для nginx, в разделе server со своим сертификатом. Последние две строки нужны для сообщений в реальном времени.
https-node = 2. Узел
https-node-how = Скажите узлу, по какому адресу его открывают. Тогда он примет это имя, а cookie будут только для HTTPS.
https-trust = Чтобы узел видел настоящие адреса людей, а не адрес прокси, добавьте в chater.toml:
https-then = Откройте узел по новому адресу и войдите. Уведомления теперь включаются в настройках.

# Dates
months = января февраля марта апреля мая июня июля августа сентября октября ноября декабря
months-short = янв. февр. мар. апр. мая июн. июл. авг. сент. окт. нояб. дек.
week-days = пн вт ср чт пт сб вс
date-day-month = { $day } { $month }
date-with-year = { $day } { $year } г.

# Scripts
js-yesterday = вчера
js-day-today = Сегодня
js-day-yesterday = Вчера
js-again = Повторить
js-remove = Удалить
js-back-online = Связь восстановлена
js-offline = Нет связи с узлом. Сообщения сохраняются здесь и уйдут сами.
js-try-in = Попытка через { $s } с.
js-now = Сейчас
js-copied = Скопировано
js-ended = Сеанс на этом узле закончился. Набранный текст сохранён и уйдёт после входа.
js-log-in = Войти
js-updated = Chater обновлён.
js-reload = Перезагрузить
js-left-count = { $n ->
    [one] остался { $n } знак
    [few] осталось { $n } знака
   *[many] осталось { $n } знаков
}
js-new-count = { $n ->
    [one] { $n } новое сообщение
    [few] { $n } новых сообщения
   *[many] { $n } новых сообщений
}
js-not-sent = Не отправлено
js-search-found-count = { $n ->
    [one] Найден { $n } человек
    [few] Найдено { $n } человека
   *[many] Найдено { $n } человек
}
js-search-answered-count = { $n ->
    [one] ответил { $n } узел из { $m }
    [few] ответили { $n } узла из { $m }
   *[many] ответили { $n } узлов из { $m }
}
js-search-waiting = ждём ответа
js-state-sending = Отправляется
js-state-stored = На вашем узле
js-state-stored-for = На вашем узле, ждёт узел { $a }
js-state-delivered = Доставлено
js-state-delivered-to = Доставлено на узел { $a }
js-state-read = Прочитано
js-state-failed = Не отправлено
js-typing-one = { $a } печатает…
js-typing-two = { $a } и { $b } печатают…
js-typing-many = Печатают несколько человек…
js-found-of = { $a } из { $b }
js-found-none = Ничего не нашлось
js-too-large = Слишком много для одного сообщения
js-failed = Не получилось. Попробуйте ещё раз.
js-silent = Узел не отвечает. Попробуйте ещё раз.
js-ended-title = Войдите снова
js-close = Закрыть
js-search-ms = { $a } мс
js-search-silent = не ответил
js-search-chats = Есть чат
js-undo = Вернуть
js-deleted = Сообщение удалено у вас
js-archived = Чат в архиве
js-names = Участники чата
